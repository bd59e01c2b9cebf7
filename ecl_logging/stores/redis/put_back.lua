-- Have messages handed out again. Stands after basics.lua and events.lua, which names KEYS, ARGV[1]
-- to [3].
--
-- ARGV[4]  in how many seconds at the earliest   ARGV[5]  1 where this delivery counts, else 0
-- then ID, times that it was handed out, deliveries that count, ...
--
-- Returns of how many nobody has got hold since.

local due = time_after(clock(), ARGV[4])
if not due then
    return no_time(ARGV[4])
end
try_to_read()
local messages = still_the_same(6)
try_to_write()
for _, message in ipairs(messages) do
    local uncounted = message.times - message.deliveries + 1 - tonumber(ARGV[5])
    if uncounted > 0 then
        redis.call('HSET', UNCOUNTED, message.id, whole(uncounted))
    else
        redis.call('HDEL', UNCOUNTED, message.id)
    end
    redis.call('ZREM', CLAIMED, message.id)
    redis.call('ZADD', PAUSED, due, message.id)
end
return #messages
