-- Tell what is known of each source. Stands after shared.lua, which names KEYS, ARGV[1] and [2].
--
-- Returns {now, source, record, source, record ...}; `docs/wire-format.md` has a record's form.

local reply = {string.format('%.6f', clock())}
for _, text in ipairs(redis.call('HGETALL', KEYS[3])) do
    table.insert(reply, text)
end
return reply
