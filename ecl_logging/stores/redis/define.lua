-- Replace one group's definition, if it is still the one that the caller has seen. Stands after
-- shared.lua and view.lua, which name KEYS, ARGV[1] and [2].
--
-- ARGV[3]  version that the caller has seen; '' for none
-- ARGV[4]  history   ARGV[5]  max_events   ARGV[6]  cur_last_keys: '1' or '0'
-- ARGV[7]  intervals, as '5s=5 5m=300'   ARGV[8]  measures, as a JSON array
-- then the declared IDs
--
-- Returns the new version, or '' where another caller was faster.

local before = read_definition()
if (before and before.version or '') ~= ARGV[3] then
    return ''
end
local now = clock()

if before and before.has_view then
    remove_view(before, now)
end
redis.call('DEL', KEYS[2])
in_slices(#ARGV - 8, function(from, to)
    redis.call('SADD', KEYS[2], unpack(ARGV, 8 + from, 8 + to))
end)
-- Also larger than any version from before the server was emptied, so that a program which slept
-- through that cannot take the new definition for the one it knows.
local version = math.max(before and tonumber(before.version) + 1 or 1, math.floor(now * 1000))
redis.call('HSET', KEYS[1],
    'version', whole(version), 'history', ARGV[4], 'max_events', ARGV[5],
    'cur_last_keys', ARGV[6], 'intervals', ARGV[7], 'measures', ARGV[8])

local after = read_definition()
local stays = {}
for _, interval in ipairs(after.intervals) do
    stays[interval.text] = true
end
for _, interval in ipairs(before and before.intervals or {}) do
    local current = start_of(now, interval.seconds)
    if not stays[interval.text] then
        redis.call('HDEL', KEYS[1], 'rotated:' .. interval.text)
    elseif after.history > before.history then
        -- Buckets that were to go are history for longer now; so many as do not hold up others.
        for age = -1, math.min(before.history + 2, 10000) do
            local start = current - age * interval.seconds
            redis.call('PEXPIRE', bucket_key(interval.text, start),
                milliseconds_left(start, interval.seconds, after.history, now))
        end
    end
end
if after.has_view then
    move_view_on(after, now)
end
return whole(version)
