-- Forget messages whose work is done. Stands after basics.lua and events.lua, which names KEYS,
-- ARGV[1] to [3].
--
-- ARGV[4]  ... IDs, all different
--
-- Returns how many of them there were.

local ids = {}
for at = 4, #ARGV do
    if id_parts(ARGV[at]) then
        table.insert(ids, ARGV[at])
    end
end
try_to_read()
try_to_write()
return forget(ids)
