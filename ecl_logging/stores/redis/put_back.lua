-- Have messages handed out again. Stands after basics.lua and events.lua, which names KEYS, ARGV[1]
-- to [3].
--
-- ARGV[4]  in how many seconds at the earliest   ARGV[5]  1 where this delivery counts, else 0
-- then ID, word of the claim, deliveries, ...
--
-- Returns how many were still their receiver's. Nobody is that afterwards, so a delivery is taken
-- back once, however often it is asked for.

local due = time_after(clock(), ARGV[4])
if not due then
    return no_time(ARGV[4])
end
try_to_read()
local messages = still_the_same(6)
try_to_write()
for _, message in ipairs(messages) do
    local deliveries = message.deliveries - 1 + tonumber(ARGV[5])
    redis.call('XCLAIM', STREAM, GROUP, CONSUMER, 0, message.id,
        'RETRYCOUNT', whole(deliveries), 'JUSTID')
    redis.call('ZREM', CLAIMED, message.id)
    redis.call('HDEL', CLAIMS, message.id)
    redis.call('ZADD', PAUSED, due, message.id)
end
return #messages
