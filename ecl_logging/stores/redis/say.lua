-- Take in messages once. Stands after basics.lua, receipts.lua and hours.lua.
--
-- KEYS[1]  recent:@state    hash: when silent sources were looked for last
-- KEYS[2]  recent:@names    set: `<name>:<severity>` of all speakers
-- KEYS[3]  recent:@sources  hash: source -> what its last batch was answered; see receipts.lua
-- then for each speaker s:
--          recent:s         list: lines, the newest first
--          common:s         sorted set: message -> how often, in the current hour
--          common:s:last    sorted set: the same of the hour before
--          common:s:start   string: start of the current hour, such as 2026-11-27T16:00:00
--          common:s:pstart  string: and of the hour before
-- ARGV[1]  what stands before the names of keys
-- ARGV[2]  question, and clock: see basics.lua
-- ARGV[3]  source   ARGV[4]  number of the batch   ARGV[5]  running total that it carries
-- ARGV[6]  the batch's token
-- ARGV[7]  how many lines are kept of each speaker
-- ARGV[8]  how many messages are told apart in an hour
-- ARGV[9]  a JSON array: for each speaker [name:severity, [line ...],
--          [[hour, [message ...], [how often ...]] ...]]
--
-- Returns one of
--   {'gap', number, total}   batches are missing; nothing was written
--   {'applied', number, total, '0', late, ahead, other, token, speaker that was passed over ...}
--   {'duplicate', the same}  it repeats the first answer
--
-- A speaker one of whose keys is of another type, as somebody else has made it, is passed over.

local LINE_TIME = '^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ '
local TIME_SIZE = 23

local now, source, number = clock(), ARGV[3], tonumber(ARGV[4])
local known, answer = known_of(source, number)
if answer then
    return answer
end
local most_lines, most_messages = tonumber(ARGV[7]), tonumber(ARGV[8])
local this_hour = start_of(now, HOUR)
local late, ahead, other = 0, 0, 0

-- The keys of one speaker, by the place of the first of them.
local function keys_from(at)
    return {
        recent = KEYS[at], common = KEYS[at + 1], last = KEYS[at + 2],
        start = KEYS[at + 3], pstart = KEYS[at + 4],
    }
end

-- Whether one of a speaker's keys is none that messages can go to; or nil, and an error that is
-- the whole batch's. Each command that reads is tried here.
local function is_spoilt(keys)
    local tried = {
        redis.pcall('LRANGE', keys.recent, 0, 0),
        redis.pcall('ZMSCORE', keys.common, OTHER),
        redis.pcall('ZCARD', keys.last),
        redis.pcall('GET', keys.start),
        redis.pcall('GET', keys.pstart),
    }
    local has_wrong_type = false
    for at = 1, 5 do
        local found = tried[at]
        if type(found) == 'table' and found.err then
            if string.sub(found.err, 1, 9) ~= 'WRONGTYPE' then
                return nil, found
            end
            has_wrong_type = true
        end
    end
    return has_wrong_type
end

local said, bad = {}, {}
for at, one in ipairs(cjson.decode(ARGV[9])) do
    local keys = keys_from(5 * at - 1)
    local spoilt, failed = is_spoilt(keys)
    if failed then
        return failed
    elseif not spoilt then
        table.insert(said, {speaker = one[1], lines = one[2], hours = one[3], keys = keys})
    elseif #bad < MAX_BAD_CELLS then
        table.insert(bad, (string.gsub(one[1], '\n', ' ')))
    end
end

-- --- lines

local ahead_of_clock = iso_with_milliseconds_of(now + AHEAD_SECONDS)

-- When a line was said; nil for a line of another form.
local function time_of(line)
    return string.find(line, LINE_TIME) and string.sub(line, 1, TIME_SIZE) or nil
end

-- Lines to add, the oldest first. One of another form is of the time of the line before it.
local function sorted(lines)
    local new, before = {}, ''
    for at, line in ipairs(lines) do
        local time = time_of(line) or before
        if time > ahead_of_clock then
            time = iso_with_milliseconds_of(now)
            line = time .. string.sub(line, TIME_SIZE + 1)
        end
        new[at], before = {time = time, line = line, at = at}, time
    end
    table.sort(new, function(a, b)
        return a.time < b.time or a.time == b.time and a.at < b.at
    end)
    return new
end

-- The newest lines that there will be, the newest first, down to the oldest of the new ones; and
-- how many of them were there. A line of another form is as old as the one below it, and so is one
-- that is ahead of the clock, as when the clock was set back: it would be the newest for ever.
local function merged(old, new)
    local times, below = {}, ''
    for at = #old, 1, -1 do
        local time = time_of(old[at])
        below = time and time <= ahead_of_clock and time or below
        times[at] = below
    end
    local lines, taken = {}, 0
    for at = #new, 1, -1 do
        while taken < #old and times[taken + 1] > new[at].time do
            taken = taken + 1
            table.insert(lines, old[taken])
        end
        table.insert(lines, new[at].line)
    end
    return lines, taken
end

local function add_lines(key, lines)
    local new = sorted(lines)
    local head = redis.call('LRANGE', key, 0, 0)[1]
    local pushed, taken = {}, 0
    if not head or (time_of(head) or '~') <= new[1].time then
        for at, one in ipairs(new) do
            pushed[at] = one.line
        end
    else
        local newest_first
        newest_first, taken = merged(redis.call('LRANGE', key, 0, most_lines - 1), new)
        for at, line in ipairs(newest_first) do
            pushed[#newest_first + 1 - at] = line
        end
    end
    if taken > 0 then
        redis.call('LTRIM', key, taken, -1)
    end
    in_slices(#pushed, function(from, to)
        redis.call('LPUSH', key, unpack(pushed, from, to))
    end)
    redis.call('LTRIM', key, 0, most_lines - 1)
end

-- --- counts

local function clear(key)
    redis.call('ZREMRANGEBYRANK', key, 0, -1)
end

local function turn(keys, start, hour)
    if redis.call('ZCARD', keys.common) > 0 then
        redis.call('RENAME', keys.common, keys.last)
    else
        clear(keys.last)
    end
    redis.call('SET', keys.pstart, iso_of(start))
    redis.call('SET', keys.start, iso_of(hour))
end

-- Both hours of a speaker, nil for none. One that is ahead of the clock, as when the clock was set
-- back, is this one.
local function hours_of(keys)
    local start, last = hour_of(redis.call('GET', keys.start)), hour_of(redis.call('GET', keys.pstart))
    if start and start > now + AHEAD_SECONDS then
        start = this_hour
        redis.call('SET', keys.start, iso_of(start))
    end
    return start, start and last and last < start and last or nil
end

-- The set to which messages of an hour go, nil where it is too old.
local function set_for(keys, hour)
    local start, last = hours_of(keys)
    if not start then
        -- What is there, programs have counted that leave the hour for the next one to say.
        redis.call('SET', keys.start, iso_of(hour))
        return keys.common
    elseif hour > start then
        turn(keys, start, hour)
        return keys.common
    elseif hour == start then
        return keys.common
    elseif last and hour < last then
        return nil
    elseif hour ~= last then
        clear(keys.last)
        redis.call('SET', keys.pstart, iso_of(hour))
    end
    return keys.last
end

-- How many more messages can be told apart in a set.
local function room_in(key)
    local has_other = redis.call('ZMSCORE', key, OTHER)[1]
    return most_messages - redis.call('ZCARD', key) + (has_other and 1 or 0)
end

local function add_counts(key, messages, counts)
    local room, of_other, known_scores = room_in(key), 0, {}
    if room < #messages then
        in_slices(#messages, function(from, to)
            for at, score in ipairs(redis.call('ZMSCORE', key, unpack(messages, from, to))) do
                known_scores[from + at - 1] = score
            end
        end)
    end
    for at, message in ipairs(messages) do
        local is_new = not known_scores[at] and message ~= OTHER
        if message == OTHER or is_new and room < 1 then
            of_other = of_other + counts[at]
        else
            room = room - (is_new and 1 or 0)
            redis.call('ZADD', key, 'INCR', counts[at], message)
        end
    end
    if of_other > 0 then
        redis.call('ZADD', key, 'INCR', of_other, OTHER)
        other = other + of_other
    end
end

local function sum_of(counts)
    local sum = 0
    for _, n in ipairs(counts) do
        sum = sum + n
    end
    return sum
end

-- The latest hour is first, so that what is too old beside it is told.
local function add_hours(keys, hours)
    for _, one in ipairs(hours) do
        one[1] = start_of(one[1], HOUR)
        if one[1] > now + AHEAD_SECONDS then
            one[1], ahead = this_hour, ahead + sum_of(one[3])
        end
    end
    table.sort(hours, function(a, b)
        return a[1] > b[1]
    end)
    for _, one in ipairs(hours) do
        local key = #one[2] > 0 and set_for(keys, one[1])
        if key then
            add_counts(key, one[2], one[3])
        else
            late = late + sum_of(one[3])
        end
    end
end

-- --- from here on it is written

-- First what changes nothing, or is undone at once: it may not be allowed.
local function try_to_write(keys)
    redis.call('HSET', KEYS[3], source, known)
    redis.call('RENAME', KEYS[3], KEYS[3])
    local start = redis.call('GET', keys.start)
    redis.call('SET', keys.start, start or '', 'XX')
    redis.call('ZADD', keys.common, 'XX', 0, '')
    redis.call('ZREMRANGEBYRANK', keys.common, 1, 0)
    redis.call('LTRIM', keys.recent, 0, -1)
    redis.call('LPUSH', keys.recent, '')
    redis.call('LTRIM', keys.recent, 1, -1)
end

local names = {}
for at, one in ipairs(said) do
    names[at] = one.speaker
end
redis.call('SCARD', KEYS[2])
if #said > 0 then
    try_to_write(said[1].keys)
end
in_slices(#names, function(from, to)
    redis.call('SADD', KEYS[2], unpack(names, from, to))
end)
for _, one in ipairs(said) do
    if #one.lines > 0 and most_lines > 0 then
        add_lines(one.keys.recent, one.lines)
    end
end
for _, one in ipairs(said) do
    add_hours(one.keys, one.hours)
end
answer = answered(source, now,
    {whole(number), ARGV[5], '0', whole(late), whole(ahead), whole(other), ARGV[6]}, bad)
pcall(prune_sources, now)
return answer
