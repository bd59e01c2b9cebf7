-- Tell a group's definition, with the IDs that belong to it. Stands after shared.lua, which names
-- KEYS, ARGV[1] and [2].
--
-- ARGV[3]  version that the caller has seen; '' for none   ARGV[4]  how many IDs it had
--
-- Returns {version, history, max_events, cur_last_keys, intervals, measures, JSON array of IDs}; {}
-- for none, {version} for the one that the caller has seen.

local fields = redis.call('HMGET', KEYS[1],
    'version', 'history', 'max_events', 'cur_last_keys', 'intervals', 'measures')
if not fields[1] then
    return {}
end
if fields[1] == ARGV[3] and redis.call('SCARD', KEYS[2]) == tonumber(ARGV[4]) then
    return {fields[1]}
end
table.insert(fields, cjson.encode(redis.call('SMEMBERS', KEYS[2])))
return fields
