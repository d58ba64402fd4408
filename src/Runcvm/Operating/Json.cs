using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Runcvm.Operating;

/// <summary>JSON for whoever reads --json: indented, and one document.</summary>
internal static class Json
{
    internal static void Write(TextWriter output, Action<Utf8JsonWriter> content)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            content(writer);
        output.WriteLine(Encoding.UTF8.GetString(buffer.ToArray()));
    }
}
