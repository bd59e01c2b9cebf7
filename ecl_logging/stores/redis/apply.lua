-- Count one batch once. Stands after shared.lua and view.lua, which name KEYS, ARGV[1] and [2].
--
-- ARGV[3]  source   ARGV[4]  number of the batch   ARGV[5]  running total that it carries
-- ARGV[6]  start of its stretch, Unix seconds
-- ARGV[7]  how many events its counts stand for
-- ARGV[8]  the batch's token
-- ARGV[9]  how many intervals it counts in: k; then k times text, seconds
-- then ID, count for each of its counts
--
-- Returns one of
--   {'undefined'}                              the group is not known; nothing was written
--   {'gap', version, number, total, dropped}   batches are missing; nothing was written
--   {'applied', version, number, total, late, ahead, other, dropped, token, spoilt cell ...}
--   {'duplicate', the same}                    it repeats the first reply, with the newest version
--
-- All that can fail for reasons of its own comes before the first count is written. A cell that
-- cannot be added to is passed over and named. The counts and the number of the batch are
-- written in this one script, so they reach disk and replicas together, or not at all.

local definition = read_definition()
if not definition then
    return {'undefined'}
end
local now = clock()
local source, number, total = ARGV[3], tonumber(ARGV[4]), ARGV[5]
local batch_start, events, token = tonumber(ARGV[6]), ARGV[7], ARGV[8]
local first_cell = 10 + 2 * tonumber(ARGV[9])

local RECORD = '^(%d+) (%d+) %S+ (%d+) (%d+) (%d+) (%d+) %d+ (%x*)'
local record = redis.call('HGET', KEYS[3], source)
local known_number, known_total, late, ahead, other, dropped = '0', '0', '0', '0', '0', '0'
local known_token = ''
if record then
    known_number, known_total, late, ahead, other, dropped, known_token =
        string.match(record, RECORD)
    if not known_number then
        return redis.error_reply('ERR the record of source ' .. source .. ' is spoilt')
    end
end
if tonumber(known_number) > 0 and number <= tonumber(known_number) then
    local reply = {
        'duplicate', definition.version, known_number, known_total, late, ahead, other, dropped,
        known_token,
    }
    for cell in string.gmatch(record, '\n([^\n]+)') do
        table.insert(reply, cell)
    end
    return reply
end
if number ~= tonumber(known_number) + 1 then
    return {'gap', definition.version, known_number, known_total, dropped}
end

-- Exact sums of decimal texts, in two parts that doubles can hold.
local function sum_of(texts)
    local high, low = 0, 0
    for _, text in ipairs(texts) do
        high = high + tonumber(string.sub(text, 1, -10) ~= '' and string.sub(text, 1, -10) or 0)
        low = low + tonumber(string.sub(text, -9))
    end
    high = high + math.floor(low / 1e9)
    low = low % 1e9
    return high > 0 and string.format('%.0f%09.0f', high, low) or whole(low)
end

local function is_note(id)
    return string.sub(id, 1, 1) == '@' and id ~= OTHER
end

-- --- what goes where

local function all_cells()
    local cells = {}
    for at = first_cell, #ARGV, 2 do
        table.insert(cells, {id = ARGV[at], n = ARGV[at + 1], from = ARGV[at]})
    end
    return cells
end

local function late_cells()
    local cells = {}
    if events ~= '0' then
        table.insert(cells, {id = LATE, n = events})
    end
    for at = first_cell, #ARGV, 2 do
        if is_note(ARGV[at]) then
            table.insert(cells, {id = ARGV[at], n = ARGV[at + 1]})
        end
    end
    return cells
end

-- Those of these IDs that are cells of the bucket; nil and an error where it cannot be read.
local function present_in(bucket, ids)
    local present, failed = {}, nil
    in_slices(#ids, function(from, to)
        local values = redis.pcall('HMGET', bucket, unpack(ids, from, to))
        if values.err then
            failed = values
            return
        end
        for at, value in ipairs(values) do
            if value then
                present[ids[from + at - 1]] = true
            end
        end
    end)
    if failed then
        return nil, failed
    end
    return present
end

local function count_of(set)
    local n = 0
    for _ in pairs(set) do
        n = n + 1
    end
    return n
end

-- Which of these IDs, given as cells, are not declared.
local function undeclared_among(cells)
    local undeclared = {}
    in_slices(#cells, function(from, to)
        local ids = {}
        for at = from, to do
            table.insert(ids, cells[at].id)
        end
        for at, is_declared in ipairs(redis.call('SMISMEMBER', KEYS[2], unpack(ids))) do
            if is_declared == 0 then
                table.insert(undeclared, cells[from + at - 1])
            end
        end
    end)
    return undeclared
end

-- How many IDs that nobody declared have a cell in the bucket: looked for among the cells, or
-- what the declared ones leave, whichever are fewer.
local function undeclared_in(bucket)
    local size = redis.call('HLEN', bucket)
    if size < redis.call('SCARD', KEYS[2]) then
        local cells = {}
        for _, id in ipairs(redis.call('HKEYS', bucket)) do
            if string.sub(id, 1, 1) ~= '@' then
                table.insert(cells, {id = id})
            end
        end
        return #undeclared_among(cells)
    end
    local notes = present_in(bucket, {LATE, OTHER, INVALID})
    local declared = present_in(bucket, redis.call('SMEMBERS', KEYS[2]))
    return size - count_of(notes) - count_of(declared)
end

-- Have what is beyond the cap on undeclared IDs count as @other.
local function cap(bucket, cells, present)
    local new = {}
    for _, cell in ipairs(cells) do
        if not present[cell.id] and string.sub(cell.id, 1, 1) ~= '@' then
            table.insert(new, cell)
        end
    end
    if #new == 0 then
        return
    end
    local undeclared = undeclared_among(new)
    -- The exact number costs more than an upper bound of it, and is hardly ever needed.
    if redis.call('HLEN', bucket) + #undeclared <= definition.max_events then
        return
    end
    local room = math.max(0, definition.max_events - undeclared_in(bucket))
    for at = room + 1, #undeclared do
        undeclared[at].id = OTHER
    end
end

local is_ahead = false

local function planned(text, seconds)
    local start, current = start_of(batch_start, seconds), start_of(now, seconds)
    local plan = {text = text, seconds = seconds}
    if start < current - definition.history * seconds then
        plan.is_late, start = true, current
    elseif start > now + AHEAD_SECONDS then
        is_ahead, start = true, current
    end
    plan.start, plan.bucket = start, bucket_key(text, start)
    plan.cells = plan.is_late and late_cells() or all_cells()
    local ids = {}
    for _, cell in ipairs(plan.cells) do
        table.insert(ids, cell.id)
    end
    local present, failed = present_in(plan.bucket, ids)
    if present then
        cap(plan.bucket, plan.cells, present)
    elseif string.sub(failed.err, 1, 9) ~= 'WRONGTYPE' then
        return nil, failed
    end -- else no cell of it can be added to
    return plan
end

local plans = {}
for at = 10, first_cell - 1, 2 do
    local plan, failed = planned(ARGV[at], tonumber(ARGV[at + 1]))
    if failed then
        return failed
    end
    table.insert(plans, plan)
end

-- --- from here on it is written

-- First the source as it is, which changes nothing: it may not be allowed.
redis.call('HSET', KEYS[3], source, record or '0 0 0 0 0 0 0 0 ')

local is_late, has_written = false, false
local taken, to_other, spoilt, is_named = {}, {}, {}, {}

local function is_of_one_cell(message)
    return string.sub(message, 1, 9) == 'WRONGTYPE' or string.find(message, 'not an integer')
        or string.find(message, 'overflow')
end

local function note_counted(plan, cell)
    has_written = true
    if cell.id == LATE and plan.is_late then
        is_late = true
        for at = first_cell, #ARGV, 2 do
            taken[ARGV[at]] = true
        end
    elseif cell.from then
        taken[cell.from] = true
        if cell.id == OTHER then
            to_other[cell.from] = true
        end
    end
end

for _, plan in ipairs(plans) do
    plan.counted = {}
    for _, cell in ipairs(plan.cells) do
        local sum = redis.pcall('HINCRBY', plan.bucket, cell.id, cell.n)
        if type(sum) == 'number' then
            table.insert(plan.counted, cell)
            note_counted(plan, cell)
        elseif not has_written and not is_of_one_cell(sum.err) then
            return sum
        else
            local name = plan.text .. ' ' .. cell.id
            if not is_named[name] and #spoilt < MAX_BAD_CELLS then
                table.insert(spoilt, name)
            end
            is_named[name] = true
        end
    end
    if #plan.counted > 0 then
        redis.pcall('PEXPIRE', plan.bucket,
            milliseconds_left(plan.start, plan.seconds, definition.history, now))
    end
end

local amounts_lost, amounts_of_other = {}, {}
for at = first_cell, #ARGV, 2 do
    if not taken[ARGV[at]] and not is_note(ARGV[at]) then
        table.insert(amounts_lost, ARGV[at + 1])
    end
    if to_other[ARGV[at]] then
        table.insert(amounts_of_other, ARGV[at + 1])
    end
end
late = is_late and events or '0'
ahead = is_ahead and events or '0'
other, dropped = sum_of(amounts_of_other), sum_of(amounts_lost)

local at = string.format('%.6f', now)
local words = {whole(number), total, at, late, ahead, other, dropped, definition.version, token}
local lines = {table.concat(words, ' '), unpack(spoilt)}
redis.call('HSET', KEYS[3], source, table.concat(lines, '\n'))
-- --- it is counted; whatever fails from here on is no reason to say that it is not

local function add_to_views()
    local in_step = {}
    for _, interval in ipairs(definition.intervals) do
        in_step[interval.text] = is_in_step(interval, start_of(now, interval.seconds))
    end
    for _, plan in ipairs(plans) do
        local current = start_of(now, plan.seconds)
        local is_shown = plan.start == current or plan.start == current - plan.seconds
        if in_step[plan.text] and is_shown then
            add_to_view(plan, current, plan.start, plan.counted, definition.history, now)
        end
    end
    move_view_on(definition, now)
end

if definition.has_view then
    pcall(add_to_views)
end
pcall(prune_sources, now)

local reply = {
    'applied', definition.version, whole(number), total, late, ahead, other, dropped, token,
}
for _, cell in ipairs(spoilt) do
    table.insert(reply, cell)
end
return reply
