-- What all steps have in common: the clock, numbers as text, slices. Stands before each of them.
--
-- KEYS[1]  hash: among other things, when silent sources were looked for last
-- KEYS[3]  hash: source -> what its last batch was answered: `number total at ...`
-- ARGV[1]  what stands before the names of keys
-- ARGV[2]  question: a word that the answer repeats; then, where it is not to be the server's own
--          clock, a space and Unix time in seconds

local function clock()
    local given = string.match(ARGV[2], ' (.+)$')
    if given then
        return tonumber(given)
    end
    -- Called once in each step: before Redis 7.2 the time moves on while a script runs.
    local time = redis.call('TIME')
    return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local function start_of(second, seconds)
    return math.floor(second / seconds) * seconds
end

local function whole(number)
    return string.format('%.0f', number)
end

-- Call f(from, to) for slices of 1 .. n: `unpack` takes some thousand values, not more.
local SLICE = 1000

local function in_slices(n, f)
    for from = 1, n, SLICE do
        f(from, math.min(n, from + SLICE - 1))
    end
end

-- Forget silent sources: hourly, some thousand at a time, so that nobody waits for long.
local function prune_sources(now)
    local state = redis.call('HMGET', KEYS[1], 'pruned', 'prune_cursor')
    local since = now - (tonumber(state[1] or nil) or 0)
    if not state[2] and since >= 0 and since < PRUNE_SECONDS then
        return
    end
    local cursor = string.match(state[2] or '', '^%d+$') or '0'
    for _ = 1, 10 do
        local page = redis.call('HSCAN', KEYS[3], cursor, 'COUNT', 1000)
        cursor = page[1]
        for at = 1, #page[2], 2 do
            local last = tonumber(string.match(page[2][at + 1], '^%d+ %d+ (%S+)')) or 0
            if last < now - SOURCE_SECONDS then
                redis.call('HDEL', KEYS[3], page[2][at])
            end
        end
        if cursor == '0' then
            break
        end
    end
    if cursor == '0' then
        redis.call('HSET', KEYS[1], 'pruned', string.format('%.3f', now))
        redis.call('HDEL', KEYS[1], 'prune_cursor')
    else
        redis.call('HSET', KEYS[1], 'prune_cursor', cursor)
    end
end
