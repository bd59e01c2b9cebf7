-- Tell of whom there are messages.
--
-- KEYS[1]  recent:@names  set: `<name>:<severity>`
-- ARGV[1]  what stands before the names of keys   ARGV[2]  question: see basics.lua
--
-- Returns these, in no order.

return redis.call('SMEMBERS', KEYS[1])
