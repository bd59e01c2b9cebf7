-- Tell all that was counted in a group since this was asked first. Stands after shared.lua, which names
-- KEYS, ARGV[1] and [2].
--
-- ARGV[3]  how many cells to read at most
--
-- Returns {since, how many cells, JSON array of cell, value, cell ...}; '' for the array where there
-- are too many: they are to be read otherwise. {} for a group that is not known.

local size = redis.pcall('HLEN', TOTALS)
if type(size) ~= 'number' then
    if string.sub(size.err, 1, 9) == 'WRONGTYPE' then
        return redis.error_reply('ERR ' .. TOTALS .. ' is no hash')
    end
    return size
end
if size == 0 then
    if not redis.call('HMGET', KEYS[1], 'version')[1] then
        return {}
    end
    redis.call('HSET', TOTALS, SINCE, whole(math.floor(clock())))
    size = 1
end
local since = redis.call('HMGET', TOTALS, SINCE)[1]
if not string.find(since or '', '^%d+$') then
    return redis.error_reply('ERR the totals in ' .. TOTALS .. ' are spoilt: @since is no number')
end
local array = ''
if size <= tonumber(ARGV[3]) then
    array = cjson.encode(redis.call('HGETALL', TOTALS))
end
return {since, size, array}
