-- Read buckets by their age, by the server's clock. Stands after shared.lua, which names KEYS,
-- ARGV[1] and [2].
--
-- ARGV[3]  the interval's text   ARGV[4]  its length in seconds
-- ARGV[5]  how many cells to read at most
-- then ages: 0 is the bucket in which the clock is, 1 the one before
--
-- Returns {now, {start, how many cells, JSON array of cell, value, cell ...} for each age}; a bucket
-- that is not there has none. Where these are too many, the last ages are left out. One bucket
-- that has too many by itself comes with '' for the array: it is to be read otherwise.

local now, seconds, most = clock(), tonumber(ARGV[4]), tonumber(ARGV[5])
local reply, read = {string.format('%.6f', now)}, 0
for at = 6, #ARGV do
    local start = start_of(now, seconds) - tonumber(ARGV[at]) * seconds
    local key, array = bucket_key(ARGV[3], start), ''
    local size = redis.pcall('HLEN', key)
    if type(size) ~= 'number' then
        if string.sub(size.err, 1, 9) ~= 'WRONGTYPE' then
            return size
        end
        size = 0 -- what is no hash is none of ours: it has no cells
    elseif size <= most then
        read = read + size
        if read > most then
            break
        end
        array = cjson.encode(redis.call('HGETALL', key))
    end
    table.insert(reply, {whole(start), size, array})
end
return reply
