-- Tell the oldest dead letters. Stands after basics.lua and events.lua, which names KEYS, ARGV[1] to
-- [3].
--
-- ARGV[4]  how many   ARGV[5]  the ID behind which they are   ARGV[6]  how many bytes
--
-- Returns {ID, event, deliveries, reason, at, ID ...}.

local function event_of(entry)
    local about, fields = dead_letter(entry[1], entry[2])
    entry.about = about
    return body_of(fields)
end

if not id_parts(ARGV[5]) then
    return redis.error_reply('ERR no dead letter has such an ID')
end
local found, answer = {bytes = 0}, {}
add_entries_after(found, DEAD, ARGV[5], tonumber(ARGV[4]), tonumber(ARGV[6]), event_of)
for _, one in ipairs(found) do
    local reason, deliveries, at = unpack(one.about)
    for _, word in ipairs({one[1], one.body, deliveries, reason, at}) do
        table.insert(answer, word)
    end
end
return answer
