using System.Globalization;

namespace Runcvm.Guest.Spawned;

/// <summary>What /etc/passwd says. Read by hand: the C library's way would load shared objects of the image.</summary>
internal static class UserAccount
{
    /// <summary>The environment with HOME, which runc adds where it is missing or empty.</summary>
    internal static List<string> WithHome(IReadOnlyList<string> environment, uint user)
    {
        const string Home = "HOME=";
        var complete = new List<string>(environment);
        complete.RemoveAll(static entry => entry == Home);
        if (!complete.Exists(static entry => entry.StartsWith(Home, StringComparison.Ordinal))) complete.Add(Home + HomeOf(user));
        return complete;
    }

    private static string HomeOf(uint user)
    {
        if (!File.Exists("/etc/passwd")) return "/";
        foreach (string line in File.ReadLines("/etc/passwd"))
        {
            string[] fields = line.Split(':');
            if (fields.Length >= 6 && uint.TryParse(fields[2], CultureInfo.InvariantCulture, out uint id) && id == user && fields[5].Length > 0)
                return fields[5];
        }

        return "/";
    }
}
