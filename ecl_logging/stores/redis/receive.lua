-- Hand out the oldest messages. Stands after basics.lua and events.lua, which names KEYS, ARGV[1]
-- to [3].
--
-- ARGV[4]  how many, at least 1   ARGV[5]  for how many seconds   ARGV[6]  how many bytes
--
-- Returns {ID, event, deliveries that count, times that it was handed out, ID ...}.
--
-- First comes what was handed out before and may be again, the oldest first, each one alone; those
-- of which no delivery counts come together, with those that are new.

local MOST_DUE = 500 -- messages of each kind that one step looks at
local MOST_PAGES, MOST_SECONDS = 5, 3600

local now, most, most_bytes = clock(), tonumber(ARGV[4]), tonumber(ARGV[6])
local runs_out = time_after(now, ARGV[5])
if not runs_out then
    return no_time(ARGV[5])
end
try_to_read()
local handed_out_now = redis.call('ZCARD', CLAIMED) + redis.call('ZCARD', PAUSED)
if redis.call('XLEN', STREAM) == 0 then
    if handed_out_now > 0 then -- of a stream that somebody has removed
        redis.call('DEL', CLAIMED, PAUSED, UNCOUNTED)
    end
    return {}
end
try_to_write()

-- How many messages the group has handed out and nobody has acknowledged, and the last ID that it
-- has come to. Where there is no group, as with what others have added, or when somebody has
-- removed it, it begins with the first message.
local function group_of_consumers()
    for _, flat in ipairs(redis.call('XINFO', 'GROUPS', STREAM)) do
        if field_of(flat, 'name') == GROUP then
            return field_of(flat, 'pending'), field_of(flat, 'last-delivered-id')
        end
    end
    redis.call('DEL', CLAIMED, PAUSED, UNCOUNTED)
    redis.call('SADD', TOPICS, TOPIC)
    redis.call('XGROUP', 'CREATE', STREAM, GROUP, NO_ID)
    handed_out_now = 0
    return 0, NO_ID
end

-- Messages whose time nobody knows, because they were handed out past these steps or somebody has
-- removed it, get one: what a claim has, less what has passed. Of very many, some thousand at once.
local function give_times()
    local field = 'seen:' .. TOPIC
    local from = redis.call('HGET', STATE, field)
    from = from and string.find(from, ID_FORM) and '(' .. from or '-'
    for page = 1, MOST_PAGES do
        local some, ids = redis.call('XPENDING', STREAM, GROUP, from, '+', SLICE), {}
        for at, one in ipairs(some) do
            ids[at] = one[1]
        end
        local claimed = #ids > 0 and redis.call('ZMSCORE', CLAIMED, unpack(ids)) or {}
        local paused = #ids > 0 and redis.call('ZMSCORE', PAUSED, unpack(ids)) or {}
        for at, one in ipairs(some) do
            if not claimed[at] and not paused[at] then
                local seconds = math.min(tonumber(ARGV[5]), MOST_SECONDS) - one[3] / 1000
                redis.call('ZADD', CLAIMED, time_after(now, math.max(0, seconds)), ids[at])
            end
        end
        if #some < SLICE then
            redis.call('HDEL', STATE, field)
            return
        end
        from = '(' .. ids[#ids]
    end
    redis.call('HSET', STATE, field, string.sub(from, 2))
end

local function is_older(one, other)
    for at = 1, 2 do -- they are whole numbers below 2^64, which Lua's are not
        if one[at] ~= other[at] then
            return #one[at] < #other[at] or #one[at] == #other[at] and one[at] < other[at]
        end
    end
    return false
end

-- The IDs of what may be handed out again, the oldest first; and what is none.
local function due_ids()
    local due, strays = {}, {}
    for _, key in ipairs({CLAIMED, PAUSED}) do
        for _, id in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', string.format('%.6f', now),
                'LIMIT', 0, MOST_DUE)) do
            local ms, seq = string.match(id, ID_FORM)
            if ms then
                table.insert(due, {ms, seq, id = id})
            else
                table.insert(strays, id)
            end
        end
    end
    table.sort(due, is_older)
    return due, strays
end

-- How often a message was handed out in earnest, of these times.
local function deliveries_of(id, times)
    local uncounted = tonumber(redis.call('HGET', UNCOUNTED, id) or '0') or 0
    return times - math.max(0, math.min(times, math.floor(uncounted)))
end

-- Add those that may be handed out again. Returns whether new ones may come with them, and IDs of
-- which there is no message.
local function add_due(found)
    local due, strays = due_ids()
    local gone, before = {}, nil
    for _, one in ipairs(due) do
        local times = one.id ~= before and handed_out(one.id)
        local entry = times and entry_at(STREAM, one.id)
        if entry then
            local deliveries = deliveries_of(one.id, times)
            local body = body_of(entry[2])
            found.bytes = found.bytes + #body
            if #found > 0 and (deliveries > 0 or found.bytes > most_bytes) then
                return false, strays, gone
            end
            table.insert(found, {one.id, body = body, times = times, deliveries = deliveries})
            if deliveries > 0 or #found == most then
                return false, strays, gone
            end
        elseif one.id ~= before then
            table.insert(gone, one.id)
        end
        before = one.id
    end
    return true, strays, gone
end

local pending, last = group_of_consumers()
redis.call('XCLAIM', STREAM, GROUP, CONSUMER, 0, NO_ID, 'JUSTID') -- it may not be allowed
if pending > handed_out_now then
    give_times()
end
local found = {bytes = 0}
local with_new, strays, gone = add_due(found)
local again = #found
if with_new then
    add_entries_after(found, STREAM, last, most, most_bytes, function(entry)
        return body_of(entry[2])
    end)
end
if #found > again then
    redis.call('XREADGROUP', 'GROUP', GROUP, CONSUMER, 'COUNT', #found - again,
        'STREAMS', STREAM, '>')
end

local answer = {}
for at, one in ipairs(found) do
    local id, times, deliveries = one[1], 1, 1
    if at <= again then
        times, deliveries = one.times + 1, one.deliveries + 1
        redis.call('XCLAIM', STREAM, GROUP, CONSUMER, 0, id, 'RETRYCOUNT', times, 'JUSTID')
        redis.call('ZREM', PAUSED, id)
    end
    redis.call('ZADD', CLAIMED, runs_out, id)
    for _, word in ipairs({id, one.body, whole(deliveries), whole(times)}) do
        table.insert(answer, word)
    end
end
for _, id in ipairs(strays) do
    redis.call('ZREM', CLAIMED, id)
    redis.call('ZREM', PAUSED, id)
end
for _, id in ipairs(gone) do -- an entry that is there stays: only nobody waits for its end
    redis.call('XACK', STREAM, GROUP, id)
    redis.call('ZREM', CLAIMED, id)
    redis.call('ZREM', PAUSED, id)
    redis.call('HDEL', UNCOUNTED, id)
end
return answer
