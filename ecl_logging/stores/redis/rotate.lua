-- Tell which buckets have ended since the last call, and do what is due then. Stands after
-- shared.lua and view.lua, which name KEYS, ARGV[1] and [2].
--
-- Returns {text, start, text, start ...}: each finished bucket once, whoever calls, at most
-- `history` of each interval; {} for a group that is not known.

local definition = read_definition()
if not definition then
    return {}
end
local now = clock()
if definition.has_view then
    pcall(move_view_on, definition, now)
end
pcall(prune_sources, now)

local finished, rotated = {}, {}
for _, interval in ipairs(definition.intervals) do
    local last = start_of(now, interval.seconds) - interval.seconds
    -- It can be ahead: somebody else was faster, or the clock stepped back.
    if not interval.rotated or interval.rotated < last then
        local first = last
        if interval.rotated then
            local kept = last - (definition.history - 1) * interval.seconds
            first = math.max(kept, interval.rotated + interval.seconds)
        end
        table.insert(rotated, 'rotated:' .. interval.text)
        table.insert(rotated, whole(last))
        for start = first, last, interval.seconds do
            table.insert(finished, interval.text)
            table.insert(finished, whole(start))
        end
    end
end
-- In one write, and the last: what it names is told, and what is told it names.
if #rotated > 0 then
    redis.call('HSET', KEYS[1], unpack(rotated))
end
return finished
