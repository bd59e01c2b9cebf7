-- Give receivers of messages more time. Stands after basics.lua and events.lua, which names KEYS,
-- ARGV[1] to [3].
--
-- ARGV[4]  how many seconds from now
-- then ID, word of the claim, deliveries, ...
--
-- Returns how many were still their receiver's.

local runs_out = time_after(clock(), ARGV[4])
if not runs_out then
    return no_time(ARGV[4])
end
try_to_read()
local messages = still_the_same(5)
try_to_write()
for _, message in ipairs(messages) do
    redis.call('ZADD', CLAIMED, runs_out, message.id)
end
return #messages
