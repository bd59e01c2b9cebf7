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

local function cells_of(interval, start)
    local flat = redis.pcall('HGETALL', bucket_key(interval.text, start))
    local cells = {}
    for at = 1, flat.err and 0 or #flat, 2 do
        if string.sub(flat[at], 1, 1) ~= '@' and string.match(flat[at + 1], '^%-?%d+$')
                and #flat[at + 1] <= 20 then
            cells[flat[at]] = flat[at + 1]
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
-- shows, and for good measure of those in the buckets that it is to show.
local function remove_undeclared(interval, current, declared)
    local starts = {[current] = true, [current - interval.seconds] = true}
    if interval.shown then
        starts[interval.shown] = true
        starts[interval.shown - interval.seconds] = true
    end
    for start in pairs(starts) do
        local keys = {}
        for id in pairs(cells_of(interval, start)) do
            if not declared[id] then
                table.insert(keys, view_key(interval, 'cur', id))
                table.insert(keys, view_key(interval, 'last', id))
            end
        end
        in_slices(#keys, function(from, to)
            redis.pcall('DEL', unpack(keys, from, to))
        end)
    end
end

local function show(interval, which, start, ids, declared, history, now)
    local cells = cells_of(interval, start)
    local pairs_of_declared = {}
    for _, id in ipairs(ids) do
        table.insert(pairs_of_declared, view_key(interval, which, id))
        table.insert(pairs_of_declared, cells[id] or '0')
    end
    in_slices(#pairs_of_declared, function(from, to)
        redis.pcall('MSET', unpack(pairs_of_declared, from, to))
    end)
    local left = milliseconds_left(start, interval.seconds, history, now)
    for id, count in pairs(cells) do
        if not declared[id] then
            redis.pcall('SET', view_key(interval, which, id), count, 'PX', left)
        end
    end
end

-- Make the view anew from the buckets, with `current` as the current one.
local function rebuild_view(interval, current, history, now)
    local ids, declared = declared_ids()
    remove_undeclared(interval, current, declared)
    show(interval, 'last', current - interval.seconds, ids, declared, history, now)
    show(interval, 'cur', current, ids, declared, history, now)
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
