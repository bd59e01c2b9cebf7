-- Read buckets by their age, by the server's clock. Stands after shared.lua, which names KEYS,
-- ARGV[1] and [2].
--
-- ARGV[3]  the interval's text   ARGV[4]  its length in seconds
-- then ages: 0 is the bucket in which the clock is, 1 the one before
--
-- Returns {now, {start, cell, value ...} for each age}; a bucket that is not there has no cells.

local now, seconds = clock(), tonumber(ARGV[4])
local reply = {string.format('%.6f', now)}
for at = 5, #ARGV do
    local start = start_of(now, seconds) - tonumber(ARGV[at]) * seconds
    local bucket = {whole(start)}
    local cells = redis.pcall('HGETALL', bucket_key(ARGV[3], start))
    if cells.err and string.sub(cells.err, 1, 9) ~= 'WRONGTYPE' then
        return cells
    end -- what is no hash is none of ours: it has no cells
    for _, text in ipairs(cells.err and {} or cells) do
        table.insert(bucket, text)
    end
    table.insert(reply, bucket)
end
return reply
