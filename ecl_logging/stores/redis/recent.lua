-- Tell the newest lines of some speakers.
--
-- KEYS[1]  ... recent:<name>:<severity> of each  list: lines, the newest first
-- ARGV[1]  what stands before the names of keys   ARGV[2]  question: see basics.lua
-- ARGV[3]  how many of each, at least 1
--
-- Returns {line ...} for each. What is no list has none.

local answer = {}
for at, key in ipairs(KEYS) do
    local lines = redis.pcall('LRANGE', key, 0, tonumber(ARGV[3]) - 1)
    if lines.err then
        if string.sub(lines.err, 1, 9) ~= 'WRONGTYPE' then
            return lines
        end
        lines = {}
    end
    answer[at] = lines
end
return answer
