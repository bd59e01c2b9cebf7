-- Move dead letters to the end of their topic. Stands after basics.lua and events.lua, which names
-- KEYS, ARGV[1] to [3].
--
-- ARGV[4]  ... IDs
--
-- Returns how many of them there were.

local moved = 0
try_to_read()
try_to_write()
for at = 4, #ARGV do
    local letter = id_parts(ARGV[at]) and entry_at(DEAD, ARGV[at])
    if letter then
        local _, fields = dead_letter(letter[1], letter[2])
        redis.call('SADD', TOPICS, TOPIC)
        redis.call('XADD', STREAM, '*', unpack(few(fields)))
        redis.call('XDEL', DEAD, letter[1])
        moved = moved + 1
    end
end
return moved
