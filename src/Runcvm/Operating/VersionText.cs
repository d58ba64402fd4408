namespace Runcvm.Operating;

/// <summary>Which runcvm this is.</summary>
internal static class VersionText
{
    internal static string Number { get; } = typeof(VersionText).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";

    internal static int WriteJson(TextWriter output)
    {
        Json.Write(output, static json =>
        {
            json.WriteStartObject();
            json.WriteString("version", Number);
            json.WriteNumber("protocol", Protocol.Messages.Hello.CurrentVersion);
            json.WriteEndObject();
        });
        return 0;
    }
}
