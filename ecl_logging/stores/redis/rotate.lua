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
local finished = {}
for _, interval in ipairs(definition.intervals) do
    local last = start_of(now, interval.seconds) - interval.seconds
    local rotated = interval.rotated
    -- It can be ahead: somebody else was faster, or the clock stepped back.
    if not rotated or rotated < last then
        local first = last
        if rotated then
            local kept = last - (definition.history - 1) * interval.seconds
            first = math.max(kept, rotated + interval.seconds)
        end
        redis.call('HSET', KEYS[1], 'rotated:' .. interval.text, whole(last))
        for start = first, last, interval.seconds do
            table.insert(finished, interval.text)
            table.insert(finished, whole(start))
        end
    end
end
if definition.has_view then
    move_view_on(definition, now)
end
prune_sources(now)
return finished
