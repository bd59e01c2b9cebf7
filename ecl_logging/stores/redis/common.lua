-- Tell the common messages of some speakers.
--
-- KEYS     for each speaker s:
--          common:s         sorted set: message -> how often, in the current hour
--          common:s:last    sorted set: the same of the hour before
--          common:s:start   string: start of the current hour, such as 2026-11-27T16:00:00
--          common:s:pstart  string: and of the hour before
-- ARGV[1]  what stands before the names of keys   ARGV[2]  question: see basics.lua
-- ARGV[3]  how many messages to read: the last speakers are left out where these are too many
--
-- Returns {start, {message, how often ...}, start, {message, how often ...}} for each; '' for a start
-- that is not there. What is of another type is not there, and has no messages.

local function read(command, key, ...)
    local found = redis.pcall(command, key, ...)
    if type(found) == 'table' and found.err then
        if string.sub(found.err, 1, 9) ~= 'WRONGTYPE' then
            error(found.err, 0)
        end
        return nil
    end
    return found
end

local answer, left = {}, tonumber(ARGV[3])
for at = 1, #KEYS, 4 do
    local sets = {
        read('ZRANGE', KEYS[at], 0, -1, 'WITHSCORES') or {},
        read('ZRANGE', KEYS[at + 1], 0, -1, 'WITHSCORES') or {},
    }
    left = left - (#sets[1] + #sets[2]) / 2
    if left < 0 and at > 1 then
        break
    end
    table.insert(answer, {
        read('GET', KEYS[at + 2]) or '', sets[1], read('GET', KEYS[at + 3]) or '', sets[2],
    })
end
return answer
