-- What the steps of deduplicated records have in common. Stands after basics.lua.
--
-- KEYS[1]  @records:state    hash: bytes, pushed_out, next; pruned, prune_cursor
-- KEYS[2]  @records:waiting  sorted set: ID -> first; those that nobody has claimed
-- KEYS[3]  @records:sources  hash: source -> what its last batch was answered; see receipts.lua
-- KEYS[4]  @records:claimed  sorted set: ID -> Unix time at which the claim runs out
-- KEYS[5]  @records:about    hash: ID -> `kind second first last repeats bytes`
-- KEYS[6]  @records:text     hash: ID -> the record
-- KEYS[7]  @records:open     hash: `kind:second` -> ID; those that were never claimed
-- ARGV[1]  @records, with whatever stands before it in keys
-- ARGV[2]  question, and clock: see basics.lua
--
-- Of an entry whose claim has run out only the next claim takes notice, or who has to make room.

local STATE, WAITING, SOURCES, CLAIMED = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local ABOUT, TEXT, OPEN = KEYS[5], KEYS[6], KEYS[7]
local ABOUT_FORM = '^(%S+) (%-?%d+) (%S+) (%S+) (%d+) (%d+)$'
local MOST_RUN_OUT = 500 -- claims that one step takes notice of

-- The values of these fields, in their order, false for nothing.
local function values_of(key, fields)
    local values = {}
    in_slices(#fields, function(from, to)
        for at, value in ipairs(redis.call('HMGET', key, unpack(fields, from, to))) do
            values[from + at - 1] = value
        end
    end)
    return values
end

-- Call a command with all these arguments after its key, in slices; pairs stay together.
local function call_with(command, key, arguments)
    in_slices(#arguments, function(from, to)
        redis.call(command, key, unpack(arguments, from, to))
    end)
end

local function entry_of(id, about)
    local kind, second, first, last, repeats, size = string.match(about or '', ABOUT_FORM)
    local at = tonumber(first or nil)
    if not (at and tonumber(last)) then
        return nil
    end
    return {
        id = id, at = at, kind = kind, second = second, first = first, last = last,
        repeats = tonumber(repeats), size = tonumber(size), field = kind .. ':' .. second,
    }
end

local function about_text(entry)
    return table.concat({
        entry.kind, entry.second, entry.first, entry.last, whole(entry.repeats), whole(entry.size),
    }, ' ')
end

-- The entries of these IDs; and the IDs that have none, which somebody else has left there.
local function entries_of(ids)
    local entries, strays = {}, {}
    for at, about in ipairs(values_of(ABOUT, ids)) do
        local entry = entry_of(ids[at], about)
        table.insert(entry and entries or strays, entry or ids[at])
    end
    return entries, strays
end

local function is_older(one, other)
    return one.at < other.at or one.at == other.at and one.id < other.id
end

-- The n oldest entries on which nobody has a claim; others whose claim has run out; and IDs
-- without an entry. Of claims that have run out so many are seen, those that did first.
local function unclaimed(n, now, most_run_out)
    local ids, ran_out, put_back = redis.call('ZRANGE', WAITING, 0, n - 1), {}, {}
    local claims = redis.call('ZRANGEBYSCORE', CLAIMED, '-inf', string.format('%.6f', now),
        'LIMIT', 0, most_run_out or MOST_RUN_OUT)
    for _, id in ipairs(claims) do
        table.insert(ids, id)
        ran_out[id] = true
    end
    local entries, strays = entries_of(ids)
    if #claims > 0 then -- else the server has sorted them
        table.sort(entries, is_older)
    end
    for at = #entries, n + 1, -1 do
        if ran_out[entries[at].id] then
            table.insert(put_back, entries[at])
        end
        entries[at] = nil
    end
    return entries, put_back, strays
end

-- No more repeats are added to these.
local function close_to_repeats(entries)
    local fields, closed = {}, {}
    for at, entry in ipairs(entries) do
        fields[at] = entry.field
    end
    for at, id in ipairs(values_of(OPEN, fields)) do
        if id == entries[at].id then
            table.insert(closed, fields[at])
        end
    end
    call_with('HDEL', OPEN, closed)
end

-- Remove all that there is of these entries and IDs; return how many bytes that were.
local function forget(entries, strays)
    local ids, bytes = {unpack(strays)}, 0
    for _, entry in ipairs(entries) do
        table.insert(ids, entry.id)
        bytes = bytes + entry.size
    end
    close_to_repeats(entries)
    call_with('ZREM', WAITING, ids)
    call_with('ZREM', CLAIMED, ids)
    call_with('HDEL', ABOUT, ids)
    call_with('HDEL', TEXT, ids)
    return bytes
end

-- Bytes, records pushed out, and the next number of an entry.
local function read_state()
    local numbers = redis.call('HMGET', STATE, 'bytes', 'pushed_out', 'next')
    for at = 1, 3 do
        numbers[at] = tonumber(numbers[at] or (at == 3 and '1' or '0'))
        if not numbers[at] then
            error('the numbers in ' .. STATE .. ' are spoilt')
        end
    end
    return unpack(numbers)
end

local function save_bytes(bytes)
    if redis.call('ZCARD', WAITING) + redis.call('ZCARD', CLAIMED) == 0 then
        bytes = 0
    end
    redis.call('HSET', STATE, 'bytes', whole(math.max(0, bytes)))
end

-- Read from every key, which fails for one that somebody else has put in its place.
local function try_to_read(now)
    for _, key in ipairs({TEXT, OPEN, ABOUT, SOURCES}) do
        redis.call('HGET', key, '')
    end
    redis.call('ZCARD', WAITING)
    unclaimed(1, now, 1)
    read_state()
end

-- Write what changes nothing: it may not be allowed. The command that a full server refuses is
-- last, and is none that it refuses then: what is to go can go.
local function try_to_write()
    redis.call('ZREM', WAITING, '')
    redis.call('HDEL', OPEN, '')
    redis.call('ZADD', WAITING, 'XX', 0, '')
end
