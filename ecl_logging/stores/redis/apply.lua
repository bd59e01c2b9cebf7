-- Count one batch once. Stands after shared.lua and view.lua, which name KEYS, ARGV[1] and [2].
--
-- ARGV[3]  source   ARGV[4]  number of the batch   ARGV[5]  running total that it carries
-- ARGV[6]  start of its stretch, Unix seconds
-- ARGV[7]  how many events its counts stand for
-- ARGV[8]  the batch's token
-- ARGV[9]  which of its cells is @other; 0 for none
-- ARGV[10] 1 where it may have cells of measures, else 0
-- ARGV[11] how many intervals it counts in: k; then k times text, seconds
-- then a JSON array of the IDs of its counts, all different; then one of the counts, as texts
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
--
-- What is done for each cell is one HINCRBY and as little as can be beside it: that is the time for
-- which the server is held.

local definition = read_definition()
if not definition then
    return {'undefined'}
end
local now = clock()
local source, number, total = ARGV[3], tonumber(ARGV[4]), ARGV[5]
local batch_start, events, token = tonumber(ARGV[6]), ARGV[7], ARGV[8]
-- Of both ends one long argument costs less than thousands, and a client's the most.
local ids, counts = cjson.decode(ARGV[#ARGV - 1]), cjson.decode(ARGV[#ARGV])
local other_at, size = tonumber(ARGV[9]), #ids

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

-- Whether a cell stands for no events: none of an ID, nor of the values of a measure.
local function is_note(id)
    return string.byte(id) == 64 and id ~= OTHER and not string.find(id, '^@[-+0]')
end

-- --- what goes where

-- What a bucket has of these IDs, in their order, false for nothing; or nil and an error.
local function values_of(bucket, ids)
    local values, failed = {}, nil
    in_slices(#ids, function(from, to)
        local some = redis.pcall('HMGET', bucket, unpack(ids, from, to))
        if some.err then
            failed = some
        elseif from == 1 then
            values = some
        else
            for at = 1, #some do
                values[from + at - 1] = some[at]
            end
        end
    end)
    if failed then
        return nil, failed
    end
    return values
end

local function count_present(bucket, ids)
    local n = 0
    for _, value in ipairs(values_of(bucket, ids)) do
        n = n + (value and 1 or 0)
    end
    return n
end

-- How many cells of a bucket are no event IDs.
local function count_own(bucket)
    local measured = redis.pcall('SMEMBERS', MEASURED)
    return count_present(bucket, {LATE, OTHER, INVALID, SINCE})
        + count_present(bucket, measured.err and {} or measured)
end

-- How many IDs that nobody declared have a cell in the bucket: looked for among the cells, or
-- what the declared ones leave, whichever are fewer.
local function undeclared_in(bucket)
    local cells = redis.call('HLEN', bucket)
    if cells < redis.call('SCARD', KEYS[2]) then
        local ids, n = {}, 0
        for _, id in ipairs(redis.call('HKEYS', bucket)) do
            if string.byte(id) ~= 64 then
                table.insert(ids, id)
            end
        end
        each_undeclared(ids, function()
            n = n + 1
        end)
        return n
    end
    return cells - count_own(bucket)
        - count_present(bucket, redis.call('SMEMBERS', KEYS[2]))
end

-- Which cells are beyond the cap on undeclared IDs, by their places. They count as @other.
local function beyond_cap(bucket, cells)
    local new, places, undeclared, beyond = {}, {}, {}, {}
    -- Upper bounds cost less than what is exact, and are hardly ever too much.
    if cells + size <= definition.max_events then
        return beyond
    end
    for at, value in ipairs(values_of(bucket, ids)) do
        if not value and string.byte(ids[at]) ~= 64 then
            new[#new + 1], places[#places + 1] = ids[at], at
        end
    end
    if cells + #new <= definition.max_events then
        return beyond
    end
    each_undeclared(new, function(at)
        table.insert(undeclared, places[at])
    end)
    if #undeclared == 0 or cells + #undeclared <= definition.max_events then
        return beyond
    end
    local room = math.max(0, definition.max_events - undeclared_in(bucket))
    for at = room + 1, #undeclared do
        beyond[undeclared[at]] = true
    end
    return beyond
end

-- Remember which cells measures have, so that they can be told from IDs by their names.
local function note_measured()
    local measured = {}
    for _, id in ipairs(ids) do
        if string.find(id, '^@[-+0=]') then
            table.insert(measured, id)
        end
    end
    in_slices(#measured, function(from, to)
        redis.pcall('SADD', MEASURED, unpack(measured, from, to))
    end)
end

local is_ahead = false

local function planned(text, seconds)
    local start, current = start_of(batch_start, seconds), start_of(now, seconds)
    local plan = {text = text, seconds = seconds, beyond = {}, passed_over = {}}
    if start < current - definition.history * seconds then
        plan.is_late, start = true, current
    elseif start > now + AHEAD_SECONDS then
        is_ahead, start = true, current
    end
    plan.start, plan.bucket = start, bucket_key(text, start)
    local cells = redis.pcall('HLEN', plan.bucket)
    if type(cells) == 'number' then
        plan.beyond = plan.is_late and {} or beyond_cap(plan.bucket, cells)
    elseif string.sub(cells.err, 1, 9) ~= 'WRONGTYPE' then
        return nil, cells
    end -- else none of its cells can be added to
    return plan
end

local plans = {}
for at = 12, #ARGV - 2, 2 do
    local plan, failed = planned(ARGV[at], tonumber(ARGV[at + 1]))
    if failed then
        return failed
    end
    table.insert(plans, plan)
end

-- --- from here on it is written

-- First the source as it is, which changes nothing: it may not be allowed.
redis.call('HSET', KEYS[3], source, record or '0 0 0 0 0 0 0 0 ')
if ARGV[10] == '1' then
    note_measured()
end

local is_late, has_written = false, false
local to_other, missed, spoilt, is_named = {}, {}, {}, {}

-- Add to a cell that may not be one that can be added to. Returns whether it was; or nil, and an
-- error that is the whole batch's: nothing has been written.
local function add(plan, id, n)
    local sum = redis.pcall('HINCRBY', plan.bucket, id, n)
    if type(sum) == 'number' then
        has_written, plan.has_added = true, true
        return true
    end
    local is_of_the_cell = string.sub(sum.err, 1, 9) == 'WRONGTYPE'
        or string.find(sum.err, 'not an integer') or string.find(sum.err, 'overflow')
    if not (has_written or is_of_the_cell) then
        return nil, sum
    end
    local name = plan.text .. ' ' .. id
    if not is_named[name] and #spoilt < MAX_BAD_CELLS then
        table.insert(spoilt, name)
    end
    is_named[name] = true
    return false
end

local function pass_over(plan, at)
    plan.passed_over[at] = true
    missed[at] = (missed[at] or 0) + 1
end

-- These two return the error of the whole batch, if there is one.
local function add_late(plan)
    if events ~= '0' then
        local is_added, failed = add(plan, LATE, events)
        if failed then
            return failed
        end
        is_late = is_late or is_added
        for at = 1, is_added and 0 or size do
            pass_over(plan, at)
        end
    end
    -- The sum of a measure would be one of other values.
    for at = 1, size do
        if ids[at] == INVALID then
            local _, failed = add(plan, ids[at], counts[at])
            if failed then
                return failed
            end
        end
    end
end

-- Add the cells from a place on; where one raises, it has not been added, and all before it have.
-- Returns its place, or `size` + 1. Two loops, for this is where the time goes.
local function add_from(first, bucket, beyond)
    local at = first
    local function add_the_rest()
        local call, ids, counts = redis.call, ids, counts
        for place = first, size do
            at = place
            call('HINCRBY', bucket, ids[place], counts[place])
        end
        at = size + 1
    end
    local function add_the_rest_capped()
        for place = first, size do
            at = place
            redis.call('HINCRBY', bucket, beyond[place] and OTHER or ids[place], counts[place])
        end
        at = size + 1
    end
    pcall(next(beyond) and add_the_rest_capped or add_the_rest)
    return at
end

local function add_all(plan)
    local at = 0
    repeat
        local first = at + 1
        at = add_from(first, plan.bucket, plan.beyond)
        if at > first then
            has_written, plan.has_added = true, true
        end
        if at <= size then
            local id = plan.beyond[at] and OTHER or ids[at]
            local is_added, failed = add(plan, id, counts[at])
            if failed then
                return failed
            elseif not is_added then
                pass_over(plan, at)
            end
        end
    until at >= size
    plan.beyond[other_at] = true
    for place in pairs(plan.beyond) do
        to_other[place] = to_other[place] or place > 0 and not plan.passed_over[place]
    end
end

for _, plan in ipairs(plans) do
    local failed = (plan.is_late and add_late or add_all)(plan)
    if failed then
        return failed
    end
    if plan.has_added then
        redis.pcall('PEXPIRE', plan.bucket,
            milliseconds_left(plan.start, plan.seconds, definition.history, now))
    end
end

local amounts_lost, amounts_of_other = {}, {}
for at = 1, (#spoilt > 0 or #plans == 0) and size or 0 do
    if (missed[at] or 0) == #plans and not is_note(ids[at]) then
        table.insert(amounts_lost, counts[at])
    end
end
for at, is_there in pairs(to_other) do
    if is_there then
        table.insert(amounts_of_other, counts[at])
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

-- Add it to all that was counted since somebody has asked. Of what they cannot take nobody is told.
local function add_to_totals()
    local cells, at = redis.pcall('HLEN', TOTALS), 0
    if type(cells) ~= 'number' or cells == 0 then
        return
    end
    local beyond = beyond_cap(TOTALS, cells)
    repeat
        at = add_from(at + 1, TOTALS, beyond)
    until at >= size
end

-- Add what was counted in one bucket, in a view that is in step. Keys that hold no number stay.
local function add_to_view(plan, current, undeclared, history, now)
    local call, beyond, passed_over = redis.call, plan.beyond, plan.passed_over
    local prefix = view_key(plan, plan.start == current and 'cur' or 'last', '')
    local left, at = milliseconds_left(plan.start, plan.seconds, history, now), 0
    local function add_the_rest()
        for place = at + 1, size do
            at = place
            local id, n = ids[place], counts[place]
            if beyond[place] or passed_over[place] then
                -- its bucket has it elsewhere, or nowhere
            elseif not undeclared[place] then
                call('INCRBY', prefix .. id, n)
            elseif string.byte(id) ~= 64 and call('INCRBY', prefix .. id, n) == tonumber(n) then
                call('PEXPIRE', prefix .. id, left)
            end
        end
        at = size
    end
    repeat pcall(add_the_rest) until at >= size
end

local function add_to_views()
    local undeclared = {}
    each_undeclared(ids, function(at)
        undeclared[at] = true
    end)
    for _, interval in ipairs(definition.intervals) do
        local current = start_of(now, interval.seconds)
        local is_shown = is_in_step(interval, current)
        for _, plan in ipairs(plans) do
            if is_shown and plan.text == interval.text and not plan.is_late
                    and (plan.start == current or plan.start == current - plan.seconds) then
                add_to_view(plan, current, undeclared, definition.history, now)
            end
        end
    end
    move_view_on(definition, now)
end

pcall(add_to_totals)
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
