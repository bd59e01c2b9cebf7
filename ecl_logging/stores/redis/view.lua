-- The keys of event_count_logger: a view of the current and of the last bucket. Stands after shared.lua.
--
-- g:i:cur:@ts              string: start of the bucket that is shown as the current one
-- g:i:cur:<id>, :last:<id> string: a count; declared IDs also at zero
--
-- Nothing of ours reads counts from here, so all that can go wrong here is what is shown: errors
-- are passed over (whoever calls these uses pcall), and the next bucket puts things right. Keys of IDs that nobody declared live
-- no longer than their buckets, which is from where it is known which there are.

local function view_key(interval, which, id)
    return g .. ':' .. interval.text .. ':' .. which .. ':' .. id
end

-- ID -> count of a bucket, without what is none of either.
local function cells_of(interval, start)
    local flat = redis.pcall('HGETALL', bucket_key(interval.text, start))
    local cells, find, byte = {}, string.find, string.byte
    for at = 1, flat.err and 0 or #flat, 2 do
        local id, count = flat[at], flat[at + 1]
        if byte(id) ~= 64 and #count <= 20 and find(count, '^%-?%d+$') then
            cells[id] = count
        end
    end
    return cells
end

local function declared_ids()
    local ids = redis.call('SMEMBERS', KEYS[2])
    local declared = {}
    for _, id in ipairs(ids) do
        declared[id] = true
    end
    return ids, declared
end

-- Remove what the view may have of IDs that nobody declared: of those in the buckets that it
-- shows, and for good measure of those in the buckets that it is to show. Returns the cells of all
-- these buckets by their starts.
local function remove_undeclared(interval, current, declared)
    local starts = {current, current - interval.seconds, interval.shown,
        interval.shown and interval.shown - interval.seconds}
    local cur, last, read = view_key(interval, 'cur', ''), view_key(interval, 'last', ''), {}
    for _, start in ipairs(starts) do
        local keys = {}
        read[start] = read[start] or cells_of(interval, start)
        for id in pairs(read[start]) do
            if not declared[id] then
                table.insert(keys, cur .. id)
                table.insert(keys, last .. id)
            end
        end
        in_slices(#keys, function(from, to)
            redis.pcall('DEL', unpack(keys, from, to))
        end)
    end
    return read
end

local function show(interval, which, start, cells, ids, declared, history, now)
    local prefix, flat, filled = view_key(interval, which, ''), {}, 0
    for _, id in ipairs(ids) do
        flat[filled + 1], flat[filled + 2] = prefix .. id, cells[id] or '0'
        filled = filled + 2
    end
    in_slices(filled, function(from, to)
        redis.pcall('MSET', unpack(flat, from, to))
    end)
    local left = milliseconds_left(start, interval.seconds, history, now)
    for id, count in pairs(cells) do
        if not declared[id] then
            redis.pcall('SET', prefix .. id, count, 'PX', left)
        end
    end
end

-- Make the view anew from the buckets, with `current` as the current one.
local function rebuild_view(interval, current, history, now)
    local ids, declared = declared_ids()
    local read, last = remove_undeclared(interval, current, declared), current - interval.seconds
    show(interval, 'last', last, read[last], ids, declared, history, now)
    show(interval, 'cur', current, read[current], ids, declared, history, now)
    redis.pcall('SET', view_key(interval, 'cur', '@ts'), whole(current))
    redis.pcall('HSET', KEYS[1], 'shown:' .. interval.text, whole(current))
end

-- Whether the view shows `current` as the current bucket, by our own note and by what it says
-- itself: a foreign program may have moved it.
local function is_in_step(interval, current)
    return interval.shown == current
        and redis.pcall('GET', view_key(interval, 'cur', '@ts')) == whole(current)
end

-- Move the view of every interval on to the clock's bucket.
local function move_view_on(definition, now)
    for _, interval in ipairs(definition.intervals) do
        local current = start_of(now, interval.seconds)
        if not is_in_step(interval, current) then
            rebuild_view(interval, current, definition.history, now)
        end
    end
end

-- Take the whole view away, as it was made with this definition and these declared IDs.
local function remove_view(definition, ids, now)
    local declared = {}
    for _, id in ipairs(ids) do
        declared[id] = true
    end
    for _, interval in ipairs(definition.intervals) do
        remove_undeclared(interval, start_of(now, interval.seconds), declared)
        local keys = {view_key(interval, 'cur', '@ts')}
        for _, id in ipairs(ids) do
            table.insert(keys, view_key(interval, 'cur', id))
            table.insert(keys, view_key(interval, 'last', id))
        end
        in_slices(#keys, function(from, to)
            redis.pcall('DEL', unpack(keys, from, to))
        end)
        redis.pcall('HDEL', KEYS[1], 'shown:' .. interval.text)
    end
end
