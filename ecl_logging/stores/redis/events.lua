-- What the steps of queues of events have in common. Stands after basics.lua. T is a topic.
--
-- KEYS[1]  @queue:@state     hash: pruned, prune_cursor; `turn:T` and `seen:T`, see receive.lua
-- KEYS[2]  @queue:@topics    set: every T
-- KEYS[3]  @queue:@sources   hash: source -> what its last batch was answered; see receipts.lua
-- KEYS[4]  @queue:T          stream, with the group of consumers `ecl`: what nobody is done with
-- KEYS[5]  @queue:T:claimed  sorted set: ID -> Unix time at which the claim runs out
-- KEYS[6]  @queue:T:paused   sorted set: ID -> Unix time at which it may be handed out again
-- KEYS[7]  @queue:T:claims   hash: ID -> the random word of its last claim, unless it was put back
-- KEYS[8]  @queue:T:dead     stream: what nobody could do anything with
-- KEYS[9]  @queue:@nothing   never there: by it a step finds out what it may do
-- ARGV[1]  @queue, with whatever stands before it in keys
-- ARGV[2]  question, and clock: see basics.lua
-- ARGV[3]  T
--
-- How often a message was handed out is what the group counts.

local STATE, TOPICS, SOURCES, STREAM, CLAIMED = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local PAUSED, CLAIMS, DEAD, NOTHING = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local TOPIC, GROUP, CONSUMER = ARGV[3], 'ecl', 'ecl'
local MOST = '18446744073709551615' -- which is more than Lua's numbers can tell apart
local NO_ID, LAST_ID = '0-0', MOST .. '-' .. MOST
local MOST_FIELDS = 1000 -- `unpack` takes some thousand values, not more
local PAGE = 16 -- entries of any size that are read at once

-- The time in so many seconds, as text; nil where that is none.
local function time_after(now, seconds)
    local time = now + (tonumber(seconds) or 0 / 0)
    return (time == math.huge or math.abs(time) < 2^53) and string.format('%.6f', time) or nil
end

local function no_time(text)
    return redis.error_reply('ERR ' .. text .. ' is no time')
end

-- --- entries of streams

local function is_less(one, other)
    return #one < #other or #one == #other and one < other
end

-- The two whole numbers of an ID, as text; nil for what is none.
local function id_parts(id)
    local ms, seq = string.match(id, '^(%d+)%-(%d+)$')
    if ms and not is_less(MOST, ms) and not is_less(MOST, seq) then
        return ms, seq
    end
    return nil
end

-- What is about a dead letter, {reason, deliveries, at}, and its own fields. What somebody else
-- has put there has only the latter.
local function dead_letter(id, fields)
    local about, rest = {'', '0', nil}, fields
    if fields[1] == 'reason' and fields[3] == 'deliveries' and fields[5] == 'at' then
        about = {fields[2], string.match(fields[4], '^%d+$') or '0', tonumber(fields[6])}
        rest = {}
        for at = 7, #fields do
            rest[at - 6] = fields[at]
        end
    end
    if not (about[3] and math.abs(about[3]) < 2^53) then
        about[3] = tonumber(string.match(id, '^%d+')) / 1000
    end
    about[2], about[3] = string.sub(about[2], 1, 15), string.format('%.6f', about[3])
    return about, #rest > 0 and rest or {'event', ''}
end

local function field_of(fields, name)
    for at = 1, #fields, 2 do
        if fields[at] == name then
            return fields[at + 1]
        end
    end
    return nil
end

-- The event; of an entry that has none, as somebody else may add it, all its fields.
local function body_of(fields)
    local body = field_of(fields, 'event')
    if body then
        return body
    end
    local object = {}
    for at = 1, #fields, 2 do
        object[fields[at]] = fields[at + 1]
    end
    return cjson.encode(object)
end

-- The same fields, or those that matter where they are very many.
local function few(fields)
    if #fields <= MOST_FIELDS then
        return fields
    end
    return {
        'event', body_of(fields), 'id', field_of(fields, 'id') or '',
        'channel', field_of(fields, 'channel') or '',
    }
end

local function entry_at(key, id)
    return redis.call('XRANGE', key, id, id)[1]
end

-- Add {id, fields, body} for the entries behind an ID, up to so many, and so many bytes unless
-- there is only one. They are read a few at a time: nobody knows their sizes before.
local function add_entries_after(found, key, id, most, most_bytes, body)
    local page = 1
    while #found < most and id ~= LAST_ID do
        local asked = math.min(page, most - #found)
        local some = redis.call('XRANGE', key, '(' .. id, '+', 'COUNT', asked)
        for _, entry in ipairs(some) do
            entry.body = body(entry)
            found.bytes = found.bytes + #entry.body
            if found.bytes > most_bytes and #found > 0 then
                return
            end
            table.insert(found, entry)
            id = entry[1]
        end
        if #some < asked then
            return
        end
        page = math.min(2 * page, PAGE)
    end
end

-- --- messages that were handed out

-- How often the group has handed a message out; nil where nobody has to acknowledge it.
local function deliveries_of(id)
    local pending = redis.pcall('XPENDING', STREAM, GROUP, id, id, 1)
    if pending.err and not string.find(pending.err, 'NOGROUP', 1, true) then
        error(pending.err, 0)
    end
    return pending[1] and pending[1][4]
end

-- Those of the messages in `ARGV[from] ...` that are still their receiver's: {id, deliveries} each.
local function still_the_same(from)
    local same = {}
    for at = from, #ARGV, 3 do
        local id, claim = ARGV[at], ARGV[at + 1]
        if id_parts(id) and redis.call('HGET', CLAIMS, id) == claim
                and deliveries_of(id) then
            table.insert(same, {id = id, deliveries = tonumber(ARGV[at + 2])})
        end
    end
    return same
end

-- Remove all that there is of these; return how many of them were in the stream.
local function forget(ids)
    local gone = 0
    in_slices(#ids, function(from, to)
        redis.call('XACK', STREAM, GROUP, unpack(ids, from, to))
        redis.call('ZREM', CLAIMED, unpack(ids, from, to))
        redis.call('ZREM', PAUSED, unpack(ids, from, to))
        redis.call('HDEL', CLAIMS, unpack(ids, from, to))
        gone = gone + redis.call('XDEL', STREAM, unpack(ids, from, to))
    end)
    return gone
end

-- --- before anything is written

-- Read from every key, which fails for one that somebody else has put in its place.
local function try_to_read()
    redis.call('HGET', STATE, '')
    redis.call('SISMEMBER', TOPICS, '')
    redis.call('HGET', SOURCES, '')
    redis.call('XLEN', STREAM)
    redis.call('ZCARD', CLAIMED)
    redis.call('ZCARD', PAUSED)
    redis.call('HGET', CLAIMS, '')
    redis.call('XLEN', DEAD)
end

-- Write what changes nothing: it may not be allowed. The commands that a full server refuses are
-- last, and are none that it refuses then: what is to go can go.
local function try_to_write()
    redis.call('ZREM', CLAIMED, '')
    redis.call('HDEL', CLAIMS, '')
    redis.call('XACK', STREAM, GROUP, NO_ID)
    redis.call('XDEL', STREAM, NO_ID)
    redis.call('ZADD', CLAIMED, 'XX', 0, '')
    redis.call('XADD', NOTHING, 'NOMKSTREAM', '*', 'event', '')
end
