-- What the steps of groups have in common: keys and definition. Stands after basics.lua.
--
-- A step is given the names of three keys, and derives the others in the same slot:
--
-- KEYS[1]  g:@def      hash: version, token, history, max_events, cur_last_keys, intervals, ...
-- KEYS[2]  g:@events   set: the declared event IDs
-- KEYS[3]  g:@sources  hash: source -> what its last batch was answered
-- g:@totals            hash: cell -> all that was counted since @since; not there until it is asked for
-- g:@marks             hash: `<interval> <reader>` -> start of the last bucket that this reader has read
-- g:@measured          set: names of all cells of measures that ever came
-- ARGV[1]  g           the group, with whatever stands before its name in keys
-- ARGV[2]  question, and clock: see basics.lua
--
-- Counts stay text from end to end: Lua's numbers are doubles, exact up to 2^53 only.

local g = ARGV[1]
local TOTALS, SINCE, MARKS, MEASURED = g .. ':@totals', '@since', g .. ':@marks', g .. ':@measured'

local function bucket_key(interval, start)
    return g .. ':' .. interval .. ':' .. whole(start)
end

-- How long the bucket at `start` is kept: until history + 2 intervals after its end.
local function milliseconds_left(start, seconds, history, now)
    return whole(math.ceil((start + (history + 3) * seconds - now) * 1000))
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
