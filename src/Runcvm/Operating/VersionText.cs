namespace Runcvm.Operating;

/// <summary>What `runcvm version --json` says.</summary>
internal static class VersionText
{
    internal static int WriteJson(TextWriter output)
    {
        Json.Write(output, static json =>
        {
            json.WriteStartObject();
            json.WriteString("version", OwnVersion.Number);
            json.WriteNumber("protocol", Protocol.Messages.Hello.CurrentVersion);
            json.WriteEndObject();
        });
        return 0;
    }
}
