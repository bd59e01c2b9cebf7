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
-- Also larger than any version from before the server was emptied, so that a program which slept
-- through that cannot take the new definition for the one it knows.
local version = math.max(before and tonumber(before.version) + 1 or 1, math.floor(now * 1000))
local ids_before = redis.call('SMEMBERS', KEYS[2])

-- IDs come first and go last: whatever fails in between, those are declared that should be.
local wanted = {}
in_slices(#ARGV - 8, function(from, to)
    redis.call('SADD', KEYS[2], unpack(ARGV, 8 + from, 8 + to))
    for at = 8 + from, 8 + to do
        wanted[ARGV[at]] = true
    end
end)
redis.call('HSET', KEYS[1],
    'version', whole(version), 'history', ARGV[4], 'max_events', ARGV[5],
    'cur_last_keys', ARGV[6], 'intervals', ARGV[7], 'measures', ARGV[8],
    'token', question) -- which is random
local gone = {}
for _, id in ipairs(ids_before) do
    if not wanted[id] then
        table.insert(gone, id)
    end
end
in_slices(#gone, function(from, to)
    redis.call('SREM', KEYS[2], unpack(gone, from, to))
end)

if before and before.has_view then
    pcall(remove_view, before, ids_before, now)
end
local after = read_definition()
if after.has_view then
    pcall(move_view_on, after, now)
end
return whole(version)
