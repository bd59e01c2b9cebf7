-- Hand out the oldest records. Stands after basics.lua and records.lua, which names KEYS, ARGV[1]
-- and [2].
--
-- ARGV[3]  how many, at least 1   ARGV[4]  for how many seconds
--
-- Returns {ID, `kind second first last repeats bytes`, record, ID ...}, the oldest first.
--
-- What was claimed and not acknowledged in time is put back first, some hundred at a time.

local now, limit, seconds = clock(), tonumber(ARGV[3]), tonumber(ARGV[4])
local runs_out = string.format('%.6f', now + seconds)
if runs_out ~= 'inf' and not (math.abs(now + seconds) < 2^53) then
    return redis.error_reply('ERR ' .. ARGV[4] .. ' is no time')
end

-- The oldest entries with their records, and those to be put back. What somebody else has left
-- there, without an entry or a record, goes.
local function oldest_with_records()
    for _ = 1, 10 do
        local oldest, put_back, strays = unclaimed(limit, now)
        local ids = {}
        for at, entry in ipairs(oldest) do
            ids[at] = entry.id
        end
        local texts = values_of(TEXT, ids)
        for at, text in ipairs(texts) do
            oldest[at].text = text
            if not text then
                table.insert(strays, ids[at])
            end
        end
        if #strays == 0 then
            return oldest, put_back, ids
        end
        forget({}, strays)
    end
    return {}, {}, {}
end

try_to_read(now)
try_to_write()
local oldest, put_back, ids = oldest_with_records()

local answer, claims, scores, ids_back = {}, {}, {}, {}
for _, entry in ipairs(oldest) do
    table.insert(answer, entry.id)
    table.insert(answer, about_text(entry))
    table.insert(answer, entry.text)
    table.insert(claims, runs_out)
    table.insert(claims, entry.id)
end
for _, entry in ipairs(put_back) do
    table.insert(ids_back, entry.id)
    table.insert(scores, entry.first)
    table.insert(scores, entry.id)
end
call_with('ZREM', WAITING, ids)
call_with('ZADD', CLAIMED, claims)
call_with('ZREM', CLAIMED, ids_back)
call_with('ZADD', WAITING, scores)
close_to_repeats(oldest)
return answer
