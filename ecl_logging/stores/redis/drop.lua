-- Forget dead letters. Stands after basics.lua and events.lua, which names KEYS, ARGV[1] to [3].
--
-- ARGV[4]  ... IDs
--
-- Returns how many of them there were.

local dropped = 0
for at = 4, #ARGV do
    if id_parts(ARGV[at]) then
        dropped = dropped + redis.call('XDEL', DEAD, ARGV[at])
    end
end
return dropped
