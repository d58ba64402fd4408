using Runcvm.Linux.Processes;
using Runcvm.Operating;
using Runcvm.Tests.Images;
using Runcvm.WarmStarts;

namespace Runcvm.Tests.WarmStarts;

public sealed class TemplateStoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TemplateStore _store;

    public TemplateStoreTests()
    {
        Assert.SkipUnless(CurrentProcess.IsRoot, "what is not root's is not used");
        _store = new TemplateStore(_folder.Path("templates"));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_made_is_found_listed_and_removed()
    {
        Make("ready", "memory", "disk");
        Assert.Equal(["ready"], _store.Names());
        Template template = _store.Open("ready");
        using (template.Memory)
        using (template.Disk)
        {
            Assert.Equal(("image", 2u), (template.Record.Image, template.Record.Cards));
            Assert.Equal(6, RandomAccess.GetLength(template.Memory));
            // Who goes on from it has it still.
            _store.Remove("ready");
            Assert.Equal(6, RandomAccess.GetLength(template.Memory));
        }

        Assert.Empty(_store.Names());
        Refused("ready", "there is no template ready");
    }

    [Theory]
    [InlineData("truncate -s 3 ready/memory", "memory has 3 bytes, and not 6")]
    [InlineData("truncate -s 3 ready/disk", "disk has 3 bytes, and not 4")]
    [InlineData("chown 1000 ready/memory", "not root's alone")]
    [InlineData("chmod 440 ready/disk", "not root's alone")]
    [InlineData("ln ready/memory other", "no file of ours")]
    [InlineData("rm ready/memory; mkfifo ready/memory", "no file of ours")]
    [InlineData("mv ready/disk other; ln -s ../other ready/disk", "symbolic links")]
    [InlineData("mv ready .other; ln -s .other ready", "is broken and cannot be used")]
    [InlineData("head -c 20 ready/about > x; cat x > ready/about", "missing")]
    [InlineData("rm ready/about", "there is no template")]
    [InlineData("chmod 755 .", "not root's alone")]
    [InlineData("chown 1000 ready", "not root's alone")]
    public void One_that_somebody_may_have_changed_is_refused(string change, string reason)
    {
        Make("ready", "memory", "disk");
        _folder.Shell("cd templates; chmod 600 ready/about; " + change);
        Refused("ready", reason);
        using var table = new StringWriter();
        Assert.Equal(0, TemplateVerb.List(table, asJson: true, _store));
        Assert.Equal(_store.Names().Count, table.ToString().Split("\"fault\"").Length - 1);
    }

    [Fact]
    public void What_was_not_finished_is_no_template_and_goes()
    {
        using (_store.Lock()) _store.Begin();
        File.WriteAllText(Path.Combine(_store.WorkFolder, TemplateStore.Memory), "half");
        Assert.Empty(_store.Names());
        Make("ready", "memory", "disk");
        Assert.False(Directory.Exists(_store.WorkFolder));
    }

    private void Make(string name, string memory, string disk)
    {
        using (_store.Lock())
        {
            _store.Begin();
            File.WriteAllText(Path.Combine(_store.WorkFolder, TemplateStore.Memory), memory);
            File.WriteAllText(Path.Combine(_store.WorkFolder, TemplateStore.Disk), disk);
            _store.Publish(name, new TemplateRecord
            {
                Image = "image",
                Cards = 2,
                MemoryBytes = (ulong)memory.Length,
                DiskBytes = (ulong)disk.Length,
                Traits = [new("vCPUs", "2")],
            });
        }
    }

    private void Refused(string name, string reason)
    {
        UsageException refusal = Assert.Throws<UsageException>(() => _store.Open(name));
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }
}
