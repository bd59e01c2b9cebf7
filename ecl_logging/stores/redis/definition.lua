-- Tell a group's definition, with the IDs that belong to it. Stands after shared.lua, which names
-- KEYS, ARGV[1] and [2].
--
-- ARGV[3]  token of the IDs that the caller has seen; '' for none   ARGV[4]  how many they were
--
-- Returns {version, history, max_events, cur_last_keys, intervals, measures, token, JSON array of
-- IDs, or '' where they are those that the caller has seen}; {} for no definition.

local fields = redis.call('HMGET', KEYS[1],
    'version', 'history', 'max_events', 'cur_last_keys', 'intervals', 'measures', 'token')
if not fields[1] then
    return {}
end
if fields[7] == ARGV[3] and redis.call('SCARD', KEYS[2]) == tonumber(ARGV[4]) then
    table.insert(fields, '')
else
    table.insert(fields, cjson.encode(redis.call('SMEMBERS', KEYS[2])))
end
return fields
