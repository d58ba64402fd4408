using System.Text;
using Runcvm.Oci;

namespace Runcvm.Tests.Oci;

public class BundleTests
{
    [Fact]
    public void Text_in_UTF_8_is_read()
    {
        byte[] text = """{"hostname":"ü"}"""u8.ToArray();
        Assert.Equal("ü", Bundle.Parse(text, "config.json")["hostname"]!.GetValue<string>());
    }

    // The byte 0xFC is an "ü" in Latin-1.
    [Fact]
    public void Text_that_is_not_UTF_8_is_refused()
    {
        byte[] text = Encoding.Latin1.GetBytes("""{"hostname":"ü"}""");
        var error = Assert.Throws<UsageException>(() => Bundle.Parse(text, "config.json"));
        Assert.Equal("config.json is not UTF-8", error.Message);
    }

    [Theory]
    [InlineData("", "config.json is not valid JSON (line 1, byte 1)")]
    [InlineData("[]", "config.json holds no JSON object")]
    [InlineData("""{"a":1,"a":2}""", "config.json is not valid JSON")]
    public void Text_that_is_no_object_is_refused(string text, string message)
    {
        var error = Assert.Throws<UsageException>(() => Bundle.Parse(Encoding.UTF8.GetBytes(text), "config.json"));
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sources_of_bind_mounts_are_relative_to_the_bundle()
    {
        string folder = Directory.CreateTempSubdirectory("runcvm-tests-").FullName;
        File.WriteAllText(Path.Combine(folder, "config.json"),
            """
            {"mounts":[{"type":"bind","source":"data"},{"type":"none","source":"../up","options":["rbind"]},
                       {"type":"bind","source":"/host/link/../x"},{"type":"tmpfs","source":"tmpfs"}]}
            """);
        string[] sources = [.. new Bundle(folder).Spec["mounts"]!.AsArray().Select(static m => (string)m!["source"]!)];
        Assert.Equal([$"{folder}/data", $"{Path.GetDirectoryName(folder)}/up", "/host/link/../x", "tmpfs"], sources);
        Directory.Delete(folder, recursive: true);
    }
}
