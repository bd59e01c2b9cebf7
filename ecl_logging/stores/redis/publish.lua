-- Take in events once. Stands after basics.lua, receipts.lua and events.lua, which names KEYS,
-- ARGV[1] to [3].
--
-- ARGV[4]  source   ARGV[5]  number of the batch   ARGV[6]  running total that it carries
-- ARGV[7]  the batch's token   ARGV[8]  how many messages the topic may have
-- then event, its ID, its channel, ...
--
-- Returns one of
--   {'gap', number, total}   batches are missing; nothing was written
--   {'full', messages}       there is no room; nothing was written
--   {'applied', number, total, '0', '0', '0', '0', token}
--   {'duplicate', the same}  it repeats the first answer

local now, source, number = clock(), ARGV[4], tonumber(ARGV[5])
local known, answer = known_of(source, number)
if answer then
    return answer
end
try_to_read()
local waiting, events = redis.call('XLEN', STREAM), (#ARGV - 8) / 3
if events > 0 and waiting + events > tonumber(ARGV[8]) then
    return {'full', whole(waiting)}
end

-- --- from here on it is written: first what changes nothing

redis.call('HSET', SOURCES, source, known) -- which a full server refuses
redis.call('XDEL', STREAM, NO_ID)
redis.call('SADD', TOPICS, TOPIC)

-- A stream takes nothing more when somebody has used up its IDs.
local ids = {}
for at = 9, #ARGV, 3 do
    local id = redis.pcall('XADD', STREAM, '*',
        'event', ARGV[at], 'id', ARGV[at + 1], 'channel', ARGV[at + 2])
    if type(id) == 'table' then
        in_slices(#ids, function(from, to)
            redis.call('XDEL', STREAM, unpack(ids, from, to))
        end)
        return id
    end
    table.insert(ids, id)
end
answer = answered(source, now,
    {whole(number), ARGV[6], '0', '0', '0', '0', ARGV[7]}, {})
pcall(prune_sources, now)
return answer
