-- Tell how much there is for gatherers. Stands after basics.lua and records.lua, which names KEYS,
-- ARGV[1] and [2].
--
-- Returns {entries, claimed, bytes, pushed_out}.

local claimed = redis.call('ZCARD', CLAIMED)
local entries = redis.call('ZCARD', WAITING) + claimed
local now = string.format('%.6f', clock())
local bytes, pushed_out = read_state()
return {
    entries, redis.call('ZCOUNT', CLAIMED, '(' .. now, '+inf'), whole(bytes), whole(pushed_out),
}
