-- What put.lua and say.lua have in common: each batch is taken in once. Stands after basics.lua.
--
-- KEYS[3]  hash: source -> its record: `number total at pushed_out late ahead other token`, and one
--          more line for each speaker that was passed over

local RECEIPT = '^(%d+) (%d+) %S+ (%d+) (%d+) (%d+) (%d+) (%x*)'

-- What is known of a source, as a record that can be written; and the answer to its batch, if it
-- is not the next one.
local function known_of(source, number)
    local record = redis.call('HGET', KEYS[3], source)
    if not record then
        return '0 0 0 0 0 0 0 ', number ~= 1 and {'gap', '0', '0'} or nil
    end
    local receipt = {string.match(record, RECEIPT)}
    local known = tonumber(receipt[1] or nil)
    if not known then
        error('the record of source ' .. source .. ' is spoilt')
    end
    if known > 0 and number <= known then
        for speaker in string.gmatch(record, '\n([^\n]+)') do
            table.insert(receipt, speaker)
        end
        return record, {'duplicate', unpack(receipt)}
    end
    return record, number ~= known + 1 and {'gap', receipt[1], receipt[2]} or nil
end

-- Write what a batch is answered, for when it comes again; return the answer.
local function answered(source, now, receipt, bad)
    local number, total = receipt[1], receipt[2]
    local words = {number, total, string.format('%.6f', now), unpack(receipt, 3)}
    redis.call('HSET', KEYS[3], source,
        table.concat({table.concat(words, ' '), unpack(bad)}, '\n'))
    local answer = {'applied', unpack(receipt)}
    for _, speaker in ipairs(bad) do
        table.insert(answer, speaker)
    end
    return answer
end
