-- Move messages to the dead letters. Stands after basics.lua and events.lua, which names KEYS,
-- ARGV[1] to [3].
--
-- ARGV[4]  the reason   ARGV[5]  how many dead letters are kept, or some more
-- then ID, word of the claim, deliveries, ...
--
-- Returns how many of these were still there, and their receiver's.

local at, buried = string.format('%.6f', clock()), 0
try_to_read()
local messages = still_the_same(6)
try_to_write()
for _, message in ipairs(messages) do
    local entry = entry_at(STREAM, message.id)
    if entry then
        redis.call('XADD', DEAD, 'MAXLEN', '~', ARGV[5], '*', 'reason', ARGV[4],
            'deliveries', whole(message.deliveries), 'at', at, unpack(few(entry[2])))
        buried = buried + 1
    end
    forget({message.id})
end
return buried
