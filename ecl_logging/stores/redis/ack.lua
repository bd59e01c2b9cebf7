-- Forget records that somebody has stored elsewhere. Stands after basics.lua and records.lua, which
-- names KEYS, ARGV[1] and [2].
--
-- ARGV[3]  ... IDs, all different
--
-- Returns how many of them there were.

local ids = {}
for at = 3, #ARGV do
    ids[at - 2] = ARGV[at]
end
try_to_read(clock())
local bytes = read_state()
try_to_write()
redis.call('HSET', STATE, 'bytes', whole(bytes))
local entries, strays = entries_of(ids)
save_bytes(bytes - forget(entries, strays))
return #entries
