-- Tell how much there is. Stands after basics.lua and events.lua, which names KEYS, ARGV[1] to [3].
--
-- Returns {messages that can be handed out now or after a pause, those that somebody has, dead
-- letters}.

local now = string.format('%.6f', clock())
local messages = redis.call('XLEN', STREAM)
local in_hand = math.min(messages, redis.call('ZCOUNT', CLAIMED, '(' .. now, '+inf'))
return {messages - in_hand, in_hand, redis.call('XLEN', DEAD)}
