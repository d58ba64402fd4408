using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Options;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Sandbox;

public sealed class HypervisorUsersTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("runcvm-users-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_machine_keeps_its_user_and_no_two_machines_share_one()
    {
        var range = new UserRange(1000, 8);
        string[] machines = [.. Enumerable.Range(0, 8).Select(Machine)];
        uint[] users = [.. machines.Select(machine => Take(machine, range))];
        Assert.Equal(8, users.Distinct().Count());
        Assert.All(users, static user => Assert.InRange(user, 1000u, 1007u));
        Assert.Equal(users, machines.Select(machine => Take(machine, range)));
    }

    [Fact]
    public void When_all_are_taken_the_setting_is_named()
    {
        var range = new UserRange(1000, 2);
        Take(Machine(0), range);
        Take(Machine(1), range);
        Assert.Contains("vmm_users", Assert.Throws<UsageException>(() => Take(Machine(2), range)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_user_of_a_machine_that_is_gone_is_free_again()
    {
        var range = new UserRange(1000, 1);
        string first = Machine(0);
        Assert.Equal(1000u, Take(first, range));
        Directory.Delete(first);
        Assert.Equal(1000u, Take(Machine(1), range));
    }

    [Fact]
    public void A_user_that_somebody_else_takes_at_this_moment_is_passed_over()
    {
        var range = new UserRange(1000, 2);
        string machine = Machine(0);
        uint first = Take(machine, range);
        string users = Path.Combine(_folder, "users");
        using SafeFileHandle held = FileDescriptor.Open(Path.Combine(users, $"{(first == 1000 ? 1001 : 1000)}"), OpenFlags.ReadWrite | OpenFlags.Create);
        Assert.True(FileDescriptor.TryLock(held));
        Assert.Throws<UsageException>(() => Take(Machine(1), range));
    }

    [Fact]
    public void Files_of_users_that_are_free_do_not_become_as_many_as_there_are_users()
    {
        var range = new UserRange(1000, 1_000_000);
        for (int i = 0; i < 100; i++)
        {
            string machine = Machine(i);
            Assert.InRange(Take(machine, range), 1000u, 1000u + 4095u);
            Directory.Delete(machine);
        }
    }

    [Theory]
    [InlineData("1000-1999", 1000u, 1000u)]
    [InlineData("1-1", 1u, 1u)]
    [InlineData("2147483646-2147483646", 2147483646u, 1u)]
    public void A_range_is_two_numbers(string text, uint first, uint count) => Assert.Equal(new UserRange(first, count), UserRange.TryParse(text));

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("0-5")]
    [InlineData("9-5")]
    [InlineData("1-2-3")]
    [InlineData("1-2147483647")]
    [InlineData("-1-5")]
    [InlineData("a-b")]
    public void What_is_no_range_is_none(string text) => Assert.Null(UserRange.TryParse(text));

    private uint Take(string machine, UserRange range) => HypervisorUsers.Take(machine, range, Path.Combine(_folder, "users"));

    private string Machine(int number) => Directory.CreateDirectory(Path.Combine(_folder, $"machine{number}")).FullName;
}
