-- Take in records once. Stands after basics.lua, receipts.lua and records.lua, which names KEYS,
-- ARGV[1] and [2].
--
-- ARGV[3]  source   ARGV[4]  number of the batch   ARGV[5]  running total that it carries
-- ARGV[6]  the batch's token
-- ARGV[7]  how many entries there may be   ARGV[8]  how many bytes
-- then `kind second first last repeats`, record, ...
--
-- Returns one of
--   {'gap', number, total}   batches are missing; nothing was written
--   {'applied', number, total, pushed_out, '0', '0', '0', token}
--   {'duplicate', the same}  it repeats the first answer
--
-- An ID is a number that grows and a random word of this step, so it is never used twice, whatever
-- the server forgets.

local FORM = '^(%S+) (%-?%d+) (%S+) (%S+) (%d+)$'
local MOST_AT_ONCE, MOST_TIMES = 250, 4 -- entries that make room in one step

local now, source, number = clock(), ARGV[3], tonumber(ARGV[4])
local known, answer = known_of(source, number)
if answer then
    return answer
end

local function is_time(text)
    local time = tonumber(text)
    return time and math.abs(time) < 2^53 -- which neither infinity nor what is no number is
end

local seen, fields = {}, {}
for at = 9, #ARGV, 2 do
    local kind, second, first, last, repeats = string.match(ARGV[at], FORM)
    if not (kind and is_time(first) and is_time(last)) then
        return redis.error_reply('ERR no entry is ' .. ARGV[at])
    end
    local entry = {
        kind = kind, second = second, first = first, last = last, repeats = tonumber(repeats),
        text = ARGV[at + 1], size = #ARGV[at + 1], field = kind .. ':' .. second,
    }
    table.insert(seen, entry)
    table.insert(fields, entry.field)
end

-- `kind:second` -> the entry to which repeats are added, as far as there is one.
local function open_entries()
    local ids, open = {}, {}
    for _, id in ipairs(values_of(OPEN, fields)) do
        if id then
            table.insert(ids, id)
        end
    end
    local entries = entries_of(ids)
    for _, entry in ipairs(entries) do
        if redis.call('ZSCORE', WAITING, entry.id) then
            open[entry.field] = entry
        end
    end
    return open
end

try_to_read(now)
local bytes, pushed_out_ever, next_number = read_state()
local open, changed = open_entries(), {}

local function add_repeats(entry, more)
    entry.repeats = entry.repeats + more.repeats
    if tonumber(more.last) > tonumber(entry.last) then
        entry.last = more.last
    end
    if tonumber(more.first) < tonumber(entry.first) then
        bytes = bytes + more.size - entry.size
        entry.first, entry.text, entry.size = more.first, more.text, more.size
    end
end

for _, entry in ipairs(seen) do
    if open[entry.field] then
        add_repeats(open[entry.field], entry)
    else
        entry.id = string.format('%012.0f-%s', next_number, question)
        next_number, bytes = next_number + 1, bytes + entry.size
        open[entry.field] = entry
    end
    changed[entry.field] = open[entry.field]
end

-- --- from here on it is written: first what changes nothing, then nothing is left that can fail

redis.call('HSET', SOURCES, source, known) -- which a full server refuses
try_to_write()

local function append(list, ...)
    for at = 1, 2 do
        list[#list + 1] = select(at, ...)
    end
end

local abouts, texts, ids, scores = {}, {}, {}, {}
for field, entry in pairs(changed) do
    append(abouts, entry.id, about_text(entry))
    append(ids, field, entry.id)
    append(scores, entry.first, entry.id)
    if entry.text then
        append(texts, entry.id, entry.text)
    end
end
call_with('HSET', ABOUT, abouts)
call_with('HSET', TEXT, texts)
call_with('HSET', OPEN, ids)
call_with('ZADD', WAITING, scores)

local max_entries, max_bytes = tonumber(ARGV[7]), tonumber(ARGV[8])
local entries = redis.call('ZCARD', WAITING) + redis.call('ZCARD', CLAIMED)

-- Have the oldest make room; return how many records these were. Where very many would have to,
-- the next batches have the others do so.
local function make_room()
    local records = 0
    for _ = 1, MOST_TIMES do
        if entries <= max_entries and bytes <= max_bytes then
            break
        end
        local oldest, _, strays = unclaimed(MOST_AT_ONCE, now)
        local going = {}
        for _, entry in ipairs(oldest) do
            if entries <= max_entries and bytes <= max_bytes then
                break
            end
            table.insert(going, entry)
            entries, bytes = entries - 1, bytes - entry.size
            records = records + entry.repeats
        end
        forget(going, strays)
        entries = entries - #strays
        if #oldest < MOST_AT_ONCE then
            break
        end
    end
    return records
end

local pushed_out = make_room()
redis.call('HSET', STATE, 'next', whole(next_number),
    'pushed_out', whole(pushed_out_ever + pushed_out))
save_bytes(bytes)
answer = answered(source, now,
    {whole(number), ARGV[5], whole(pushed_out), '0', '0', '0', ARGV[6]}, {})
pcall(prune_sources, now)
return answer
