-- What the steps have in common: the clock, the keys, the definition. Stands before each of them.
--
-- A step is given the names of three keys, and derives the others in the same slot:
--
-- KEYS[1]  g:@def      hash: version, token, history, max_events, cur_last_keys, intervals, ...
-- KEYS[2]  g:@events   set: the declared event IDs
-- KEYS[3]  g:@sources  hash: source -> what its last batch was answered
-- ARGV[1]  g           the group, with whatever stands before its name in keys
-- ARGV[2]  question    a word that the answer repeats; then, where it is not to be the server's own
--                      clock, a space and Unix time in seconds
--
-- Counts stay text from end to end: Lua's numbers are doubles, exact up to 2^53 only.

local g = ARGV[1]

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

local function bucket_key(interval, start)
    return g .. ':' .. interval .. ':' .. whole(start)
end

-- How long the bucket at `start` is kept: until history + 2 intervals after its end.
local function milliseconds_left(start, seconds, history, now)
    return whole(math.ceil((start + (history + 3) * seconds - now) * 1000))
end

-- Call f(from, to) for slices of 1 .. n: `unpack` takes some thousand values, not more.
local SLICE = 1000

local function in_slices(n, f)
    for from = 1, n, SLICE do
        f(from, math.min(n, from + SLICE - 1))
    end
end

-- Call f(place) for each of these IDs that is not declared.
local function each_undeclared(ids, f)
    in_slices(#ids, function(from, to)
        local some = redis.call('SMISMEMBER', KEYS[2], unpack(ids, from, to))
        for at, is_declared in ipairs(some) do
            if is_declared == 0 then
                f(from + at - 1)
            end
        end
    end)
end

-- The group's definition, nil for none. Its intervals are stored as '5s=5 5m=300'. Beside it stand
-- notes for each interval: which bucket was rotated last, which one the view shows.
local function read_definition()
    local fields = {}
    local flat = redis.call('HGETALL', KEYS[1])
    for at = 1, #flat, 2 do
        fields[flat[at]] = flat[at + 1]
    end
    if not fields.version then
        return nil
    end
    if not (string.match(fields.version, '^%d+$') and tonumber(fields.history)
            and tonumber(fields.max_events) and fields.intervals) then
        error('the definition in ' .. KEYS[1] .. ' is spoilt')
    end
    local definition = {
        version = fields.version,
        history = tonumber(fields.history),
        max_events = tonumber(fields.max_events),
        has_view = fields.cur_last_keys == '1',
        intervals = {},
    }
    for text, seconds in string.gmatch(fields.intervals, '(%S+)=([1-9]%d*)') do
        table.insert(definition.intervals, {
            text = text,
            seconds = tonumber(seconds),
            rotated = tonumber(fields['rotated:' .. text] or nil),
            shown = tonumber(fields['shown:' .. text] or nil),
        })
    end
    return definition
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
