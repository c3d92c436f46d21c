/* Access tokens of strangers: none of them is under our secret. */
#include "base/check.h"
#include "fuzz.h"
#include "signal/access_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GError) refusal = NULL;
    require(!access_token_verify(text, "key", "a secret that nobody has", &refusal));
    require(refusal != NULL && g_utf8_validate(refusal->message, -1, NULL));
    g_autoptr(GError) error = NULL;
    g_autoptr(AccessTokenClaims) claims = access_token_claims(text, &error);
    require(claims != NULL || error != NULL);
    if (claims && claims->identity)
        require(g_utf8_validate(claims->identity, -1, NULL));
    return 0;
}
