-- Tell the time. Stands after basics.lua, which names ARGV[1] and [2]; it uses no KEYS.
--
-- Returns Unix time in seconds.

return string.format('%.6f', clock())
