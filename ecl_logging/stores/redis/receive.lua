-- Hand out the oldest messages. Stands after basics.lua and events.lua, which names KEYS, ARGV[1]
-- to [3].
--
-- ARGV[4]  how many, at least 1   ARGV[5]  for how many seconds   ARGV[6]  how many bytes
--
-- Returns the word of the claim, which is the question, and then ID, event, deliveries, ID ...; or
-- nothing.
--
-- What was handed out before comes alone, and before what is new, which has the next turn then: so
-- neither keeps the other waiting. Those of which no delivery counts come together, with new ones.

local MOST_PAGES, MOST_SECONDS = 5, 3600
local TURN, SEEN = 'turn:' .. TOPIC, 'seen:' .. TOPIC

local now, most, most_bytes = clock(), tonumber(ARGV[4]), tonumber(ARGV[6])
local runs_out = time_after(now, ARGV[5])
if not runs_out then
    return no_time(ARGV[5])
end
try_to_read()
local handed_out_now = redis.call('ZCARD', CLAIMED) + redis.call('ZCARD', PAUSED)
if redis.call('XLEN', STREAM) == 0 then
    if handed_out_now > 0 then -- of a stream that somebody has removed
        redis.call('DEL', CLAIMED, PAUSED, CLAIMS)
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
    redis.call('DEL', CLAIMED, PAUSED, CLAIMS)
    redis.call('SADD', TOPICS, TOPIC)
    redis.call('XGROUP', 'CREATE', STREAM, GROUP, NO_ID)
    handed_out_now = 0
    return 0, NO_ID
end

-- Messages whose time nobody knows, because they were handed out past these steps or somebody has
-- removed it, get one: what a claim has, less what has passed. Of very many, some thousand at once.
local function give_times()
    local from = redis.call('HGET', STATE, SEEN)
    from = from and id_parts(from) and '(' .. from or '-'
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
            redis.call('HDEL', STATE, SEEN)
            return
        end
        from = '(' .. ids[#ids]
    end
    redis.call('HSET', STATE, SEEN, string.sub(from, 2))
end

local function append(list, one, other)
    list[#list + 1] = one
    list[#list + 1] = other
end

local function is_before(one, other)
    if one.due ~= other.due then
        return one.due < other.due
    elseif one.ms ~= other.ms then
        return is_less(one.ms, other.ms)
    end
    return is_less(one.seq, other.seq)
end

-- What may be handed out again, the one that has been due for the longest first; what is no ID; and
-- whether these are all. Of either kind so many are looked at as may be handed out.
local function due_ids()
    local due, strays, all = {}, {}, true
    for _, key in ipairs({CLAIMED, PAUSED}) do
        local flat = redis.call('ZRANGEBYSCORE', key, '-inf', string.format('%.6f', now),
            'WITHSCORES', 'LIMIT', 0, most)
        all = all and #flat < 2 * most
        for at = 1, #flat, 2 do
            local ms, seq = id_parts(flat[at])
            if ms then
                table.insert(due, {id = flat[at], ms = ms, seq = seq, due = tonumber(flat[at + 1])})
            else
                table.insert(strays, flat[at])
            end
        end
    end
    table.sort(due, is_before)
    return due, strays, all
end

local function there_is_room_for(body, found)
    return #found == 0 or #found < most and found.bytes + #body <= most_bytes
end

-- Add those of what is due that may come together; or the first, where it comes alone and has its
-- turn. Returns whether new ones may come with them, and IDs of which there is no message.
local function add_due(found, due, is_turn)
    local gone, seen = {}, {}
    for _, one in ipairs(due) do
        local id = one.id
        local deliveries = not seen[id] and deliveries_of(id)
        local comes_alone = deliveries and deliveries > 0
        local is_next = deliveries and (is_turn or not comes_alone)
        local entry = is_next and entry_at(STREAM, id)
        if entry then
            local body = body_of(entry[2])
            if not there_is_room_for(body, found) or comes_alone and #found > 0 then
                return false, gone
            end
            table.insert(found, {id, body = body, deliveries = deliveries})
            found.bytes = found.bytes + #body
            if comes_alone then
                return false, gone
            end
        elseif not seen[id] and (is_next or not deliveries) then
            table.insert(gone, id)
        end
        seen[id] = true
    end
    return true, gone
end

local function new_body(entry)
    return body_of(entry[2])
end

local pending, last = group_of_consumers()
redis.call('XCLAIM', STREAM, GROUP, CONSUMER, 0, NO_ID, 'JUSTID') -- it may not be allowed
if pending > handed_out_now then
    give_times()
end
local due, strays, all = due_ids()
local turn = redis.call('HGET', STATE, TURN) or 'any'
local had_turn = turn == 'new'
local found = {bytes = 0}
local with_new, gone = add_due(found, due, not had_turn)
local again = #found
if with_new and (all or had_turn or again == 0) then
    add_entries_after(found, STREAM, last, most, most_bytes, new_body)
end
if #found == 0 and had_turn then
    gone = select(2, add_due(found, due, true))
    again = #found
end

-- What is new may be among them: so they go first.
for _, id in ipairs(strays) do
    redis.call('ZREM', CLAIMED, id)
    redis.call('ZREM', PAUSED, id)
end
for _, id in ipairs(gone) do -- an entry that is there stays: only nobody waits for its end
    redis.call('XACK', STREAM, GROUP, id)
    redis.call('ZREM', CLAIMED, id)
    redis.call('ZREM', PAUSED, id)
    redis.call('HDEL', CLAIMS, id)
end
if #found == 0 then
    return {}
end
redis.call('HSET', STATE, TURN, turn) -- it may not be allowed
if #found > again then
    redis.call('XREADGROUP', 'GROUP', GROUP, CONSUMER, 'COUNT', #found - again,
        'STREAMS', STREAM, '>')
end
redis.call('HSET', STATE, TURN, again == 1 and found[1].deliveries > 0 and 'new' or 'any')

local answer, scores, claims = {question}, {}, {}
for at, one in ipairs(found) do
    local id, deliveries = one[1], 1
    if at <= again then
        deliveries = one.deliveries + 1
        redis.call('XCLAIM', STREAM, GROUP, CONSUMER, 0, id, 'RETRYCOUNT', deliveries, 'JUSTID')
        redis.call('ZREM', PAUSED, id)
    end
    for _, word in ipairs({id, one.body, whole(deliveries)}) do
        table.insert(answer, word)
    end
    append(scores, runs_out, id)
    append(claims, id, question)
end
in_slices(#claims, function(from, to)
    redis.call('ZADD', CLAIMED, unpack(scores, from, to))
    redis.call('HSET', CLAIMS, unpack(claims, from, to))
end)
return answer
