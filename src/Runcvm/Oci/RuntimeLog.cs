using System.Text;
using System.Text.Json;

namespace Runcvm.Oci;

/// <summary>Errors where engines look for them: the file of --log, in runc's two formats.</summary>
internal static class RuntimeLog
{
    internal static void Error(CommandLine command, string message)
    {
        StandardError.Ensure();
        Console.Error.WriteLine($"runcvm: {message}");
        if (command.LogFile == null) return;
        string time = DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ssZ", System.Globalization.CultureInfo.InvariantCulture);
        string line = command.LogFormat == "json" ? Json(message, time) : $"time=\"{time}\" level=error msg=\"{Escaped(message)}\"";
        try
        {
            File.AppendAllText(command.LogFile, line + "\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"runcvm: cannot write that to the file of --log: {Reason.Of(e)}");
        }
    }

    private static string Escaped(string message) => message
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal);

    private static string Json(string message, string time)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("level", "error");
            writer.WriteString("msg", message);
            writer.WriteString("time", time);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }
}
