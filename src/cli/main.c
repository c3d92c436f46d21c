#include <stdlib.h>

#include "cli/commands.h"

int main(int argc, char **argv)
{
    /* SVT-AV1 writes a banner past every log; its errors stay. */
    setenv("SVT_LOG", "1", 0);
    return cli_main(argc, argv);
}
