using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Operating;
using Runcvm.Tests.Images;
using Runcvm.WarmStarts;

namespace Runcvm.Tests.WarmStarts;

public sealed class SavedMachineStoreTests : IDisposable
{
    private const string Key = "0123456789abcdef0123456789abcdef";
    private const string OtherKey = "ffffffffffffffffffffffffffffffff";

    private readonly TemporaryFolder _folder = new();
    private readonly SavedMachineStore _store;

    public SavedMachineStoreTests()
    {
        Assert.SkipUnless(CurrentProcess.IsRoot, "what is not root's is not used");
        _store = new SavedMachineStore(_folder.Path("warm"));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_saved_is_opened_and_can_be_read_alone()
    {
        Save(Key, "machine");
        using SafeFileHandle file = _store.TryOpen(Key, out string? fault)!;
        Assert.Null(fault);
        Assert.Equal("machine", Encoding.UTF8.GetString(FileDescriptor.ReadToEnd(file)));
        Assert.Equal(0x100u, FileStatus.Of(file).Permissions);
        Assert.Throws<Runcvm.Linux.LinuxException>(() => FileDescriptor.WriteAll(file, "x"u8));
    }

    [Fact]
    public void What_is_not_there_is_no_fault()
    {
        Assert.Null(_store.TryOpen(Key, out string? fault));
        Assert.Null(fault);
        Save(OtherKey, "another");
        Assert.Null(_store.TryOpen(Key, out fault));
        Assert.Null(fault);
    }

    [Theory]
    [InlineData("truncate -s 3 KEY.machine", "it has 3 bytes, and not the 7 that it was saved with")]
    [InlineData("chown 1000 KEY.machine", "not root's alone")]
    [InlineData("chmod 622 KEY.machine", "not root's alone")]
    [InlineData("ln KEY.machine other", "not root's alone")]
    [InlineData("rm KEY.machine; mkfifo KEY.machine", "it is no file")]
    [InlineData("mv KEY.machine other; ln -s other KEY.machine", "symbolic links")]
    [InlineData("chown 1000 KEY.about", "what describes it")]
    [InlineData("echo > KEY.about", "it has 7 bytes, and not the ")]
    [InlineData("rm KEY.about; mkfifo KEY.about", "what describes it")]
    [InlineData("chmod 777 .", "is not root's alone")]
    [InlineData("chown 1000 .", "is not root's alone")]
    public void A_machine_that_somebody_may_have_changed_is_not_used(string change, string reason)
    {
        Save(Key, "machine");
        _folder.Shell("cd warm; " + change.Replace("KEY", Key, StringComparison.Ordinal));
        Assert.Null(_store.TryOpen(Key, out string? fault));
        Assert.Contains(reason, fault, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_is_removed_at_this_moment_is_opened_or_is_none()
    {
        for (int i = 0; i < 200; i++)
        {
            Save(Key, "machine");
            var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Task pruning = start.Task.ContinueWith(
                _ => _store.Prune(0), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            start.SetResult();
            using SafeFileHandle? file = _store.TryOpen(Key, out string? fault);
            Assert.Null(fault);
            if (file != null) Assert.Equal("machine", Encoding.UTF8.GetString(FileDescriptor.ReadToEnd(file)));
            await pruning;
        }
    }

    [Fact]
    public void The_one_longest_unused_makes_room_and_the_one_used_last_stays()
    {
        Save(Key, "machine");
        Save(OtherKey, "another");
        File.SetLastWriteTimeUtc(_store.PathOf(Key), DateTime.UtcNow.AddDays(-1));
        Assert.Equal([Key, OtherKey], _store.All().Select(static machine => machine.Key));
        _store.Shrink(14);
        Assert.Equal(2, _store.All().Count);
        _store.TryOpen(Key, out _)!.Dispose();
        _store.Shrink(1);
        Assert.Equal([Key], _store.All().Select(static machine => machine.Key));
    }

    [Fact]
    public void What_nobody_finished_is_no_machine_and_goes_with_the_others()
    {
        Save(Key, "machine");
        File.WriteAllText(_store.UnfinishedOf(OtherKey), "half");
        // Of one that was ended between the two.
        File.WriteAllText(Path.Combine(_store.Folder, OtherKey + ".about"), "4\nanother\n");
        Assert.Single(_store.All());
        Assert.Single(_store.Prune(0));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_store.Folder));
    }

    [Fact]
    public void They_are_listed_for_people_and_for_programs()
    {
        Save(Key, "machine");
        var table = new StringWriter();
        WarmVerb.List(table, asJson: false, _store);
        Assert.Contains($"{Key}  7 B", table.ToString(), StringComparison.Ordinal);
        Assert.Contains("a small one", table.ToString(), StringComparison.Ordinal);
        var json = new StringWriter();
        WarmVerb.List(json, asJson: true, _store);
        Assert.Contains("\"bytes\": 7", json.ToString(), StringComparison.Ordinal);
    }

    private void Save(string key, string content)
    {
        _store.Lock().Dispose();
        File.WriteAllText(_store.UnfinishedOf(key), content);
        _store.Publish(key, "a small one");
    }
}
