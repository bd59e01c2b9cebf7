-- Tell in which topics there ever was anything. Stands after basics.lua and events.lua, which names
-- KEYS, ARGV[1] and [2]; there is no topic.
--
-- Returns these, in no order.

return redis.call('SMEMBERS', TOPICS)
