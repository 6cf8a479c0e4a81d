using System.Globalization;
using UnifiedMemory.Rehearsal;

// rehearse [--rows N] [--json FILE]
var rows = 100_000;
string? json = null;
for (var i = 0; i < args.Length; i += 2)
{
    var value = i + 1 < args.Length ? args[i + 1] : "";
    if (args[i] == "--rows" && int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out rows) && rows > 0)
        continue;
    if (args[i] == "--json" && value.Length > 0)
    {
        json = value;
        continue;
    }

    await Console.Error.WriteLineAsync($"'{args[i]} {value}' is not understood: rehearse [--rows N] [--json FILE]");
    return 2;
}

try
{
    // Where it cannot be written, that is known before anything is measured.
    if (json is not null)
        await File.WriteAllTextAsync(json, "");
}
catch (Exception exception) when (exception is ArgumentException or IOException or UnauthorizedAccessException)
{
    await Console.Error.WriteLineAsync(exception.Message);
    return 2;
}

return await RecoveryRehearsal.RunAsync(rows, json) ? 0 : 1;
