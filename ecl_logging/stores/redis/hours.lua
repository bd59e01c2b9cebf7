-- Times as text and as numbers: Redis gives Lua no dates. Stands after basics.lua.

local HOUR = 3600

-- Days since 1970-01-01 of a date; the year begins in March here, so that February is its end.
local function days_of(year, month, day)
    if month <= 2 then
        year = year - 1
    end
    local era = math.floor(year / 400)
    local of_era = year - era * 400
    local of_year = math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
    local days = of_era * 365 + math.floor(of_era / 4) - math.floor(of_era / 100) + of_year
    return era * 146097 + days - 719468
end

local function date_of(days)
    days = days + 719468
    local era = math.floor(days / 146097)
    local left = days - era * 146097
    local of_era = math.floor(
        (left - math.floor(left / 1460) + math.floor(left / 36524) - math.floor(left / 146096)) / 365)
    local of_year = left - (365 * of_era + math.floor(of_era / 4) - math.floor(of_era / 100))
    local month = math.floor((5 * of_year + 2) / 153)
    local day = of_year - math.floor((153 * month + 2) / 5) + 1
    month = month < 10 and month + 3 or month - 9
    return of_era + era * 400 + (month <= 2 and 1 or 0), month, day
end

-- `2026-11-27T16:00:00` of Unix time.
local function iso_of(time)
    local year, month, day = date_of(math.floor(time / 86400))
    local second = math.floor(time) % 86400
    return string.format('%04.0f-%02.0f-%02.0fT%02.0f:%02.0f:%02.0f', year, month, day,
        math.floor(second / 3600), math.floor(second / 60) % 60, second % 60)
end

-- The same with milliseconds.
local function iso_with_milliseconds_of(time)
    return iso_of(time) .. string.format('.%03.0f', math.floor(time * 1000) % 1000)
end

-- The hour that a text of this form names, in Unix time; nil for what is none.
local function hour_of(text)
    local year, month, day, hour =
        string.match(text or '', '^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):%d%d:%d%d')
    year, month, day, hour = tonumber(year), tonumber(month), tonumber(day), tonumber(hour)
    if not year or month < 1 or month > 12 or day < 1 or day > 31 or hour > 23 then
        return nil
    end
    return days_of(year, month, day) * 86400 + hour * HOUR
end
