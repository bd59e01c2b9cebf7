-- Remember how far a reader has come. Stands after shared.lua, which names KEYS, ARGV[1] and [2].
--
-- ARGV[3]  `<interval> <reader>`   ARGV[4]  start of the bucket
--
-- Returns the start that is remembered: one that is later stays.

local known = redis.call('HMGET', MARKS, ARGV[3])[1]
if string.find(known or '', '^%d+$') and tonumber(known) >= tonumber(ARGV[4]) then
    return known
end
redis.call('HSET', MARKS, ARGV[3], ARGV[4])
return ARGV[4]
