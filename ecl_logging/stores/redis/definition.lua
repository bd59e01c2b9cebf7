-- Tell a group's definition, with the IDs that belong to it. Stands after shared.lua, which names
-- KEYS, ARGV[1] and [2].
--
-- Returns {version, history, max_events, cur_last_keys, intervals, measures, JSON array of IDs}; {}
-- for none.

local fields = redis.call('HMGET', KEYS[1],
    'version', 'history', 'max_events', 'cur_last_keys', 'intervals', 'measures')
if not fields[1] then
    return {}
end
table.insert(fields, cjson.encode(redis.call('SMEMBERS', KEYS[2])))
return fields
